from __future__ import annotations

import pytest

from localcloud.cloud.aws_api import AwsError
from localcloud.services.sagemaker.listing import Order, page

ORDER = Order("Name", "State", sort_order="Descending")
JOBS = [
    {"Name": name, "State": state, "CreationTime": moment}
    for name, state, moment in (("b-1", "Done", 10.0), ("a-2", "Failed", 30.0), ("a-3", "Done", 20))
]


def names(order: Order = ORDER, **request: object) -> list[str]:
    found, _ = page(JOBS, request, order)
    return [job["Name"] for job in found]


def test_records_are_sorted_as_requested_or_by_the_operations_defaults() -> None:
    assert names(Order("Name")) == ["b-1", "a-3", "a-2"]
    assert names(Order("Name", sort_by="Name")) == ["a-2", "a-3", "b-1"]
    assert names(SortBy="Status", SortOrder="Ascending") == ["b-1", "a-3", "a-2"]
    assert names() == ["a-2", "a-3", "b-1"]
    assert names(SortOrder="Ascending") == ["b-1", "a-3", "a-2"]
    assert names(SortBy="Name", SortOrder="Ascending") == ["a-2", "a-3", "b-1"]


def test_filters_are_all_applied() -> None:
    assert names(NameContains="A-") == ["a-2", "a-3"]
    assert names(NameContains="a-", StatusEquals="Done") == ["a-3"]
    assert names(CreationTimeAfter=10.0, CreationTimeBefore=30.0) == ["a-3"]
    inclusive = Order("Name", includes_after=True, sort_order="Descending")
    assert names(inclusive, CreationTimeAfter=10.0, CreationTimeBefore=30.0) == ["a-3", "b-1"]


def test_status_filters_before_paging_unless_the_operation_filters_pages() -> None:
    assert names(StatusEquals="Done", MaxResults=1) == ["a-3"]
    pages = Order("Name", "State", sort_order="Descending", status_filters_page=True)
    found, following = page(JOBS, {"StatusEquals": "Done", "MaxResults": 1}, pages)
    assert found == []
    second, _ = page(JOBS, {"StatusEquals": "Done", "MaxResults": 1, **following}, pages)
    assert [one["Name"] for one in second] == ["a-3"]
    assert names(pages, StatusEquals="Done") == ["a-3", "b-1"]


def test_operations_can_have_further_keys_to_sort_by() -> None:
    found, _ = page(
        JOBS, {"SortBy": "Length"}, Order("Name"), Length=lambda one: -one["CreationTime"]
    )
    assert [one["Name"] for one in found] == ["a-2", "a-3", "b-1"]


def test_a_token_leads_to_the_next_page() -> None:
    first, following = page(JOBS, {"MaxResults": 2}, ORDER)
    last, end = page(JOBS, {"MaxResults": 2, **following}, ORDER)
    assert [job["Name"] for job in (*first, *last)] == ["a-2", "a-3", "b-1"]
    assert end == {}


def test_invalid_token_is_refused() -> None:
    with pytest.raises(AwsError, match="Invalid NextToken"):
        page(JOBS, {"NextToken": "made up"}, ORDER)
