from __future__ import annotations

import pytest

from localcloud.cloud.aws_api import AwsError
from localcloud.services.sagemaker.listing import page

JOBS = [
    {"Name": name, "State": state, "CreationTime": moment}
    for name, state, moment in (("b-1", "Done", 10.0), ("a-2", "Failed", 30.0), ("a-3", "Done", 20))
]


def names(**request: object) -> list[str]:
    found, _ = page(JOBS, request, name="Name", status="State")
    return [job["Name"] for job in found]


def test_newest_come_first_by_default() -> None:
    assert names() == ["a-2", "a-3", "b-1"]
    assert names(SortOrder="Ascending") == ["b-1", "a-3", "a-2"]
    assert names(SortBy="Name", SortOrder="Ascending") == ["a-2", "a-3", "b-1"]


def test_filters_are_all_applied() -> None:
    assert names(NameContains="A-") == ["a-2", "a-3"]
    assert names(NameContains="a-", StatusEquals="Done") == ["a-3"]
    assert names(CreationTimeAfter=10.0, CreationTimeBefore=30.0) == ["a-3"]


def test_a_token_leads_to_the_next_page() -> None:
    first, following = page(JOBS, {"MaxResults": 2}, name="Name")
    last, end = page(JOBS, {"MaxResults": 2, **following}, name="Name")
    assert [job["Name"] for job in (*first, *last)] == ["a-2", "a-3", "b-1"]
    assert end == {}


def test_invalid_token_is_refused() -> None:
    with pytest.raises(AwsError, match="Invalid NextToken"):
        page(JOBS, {"NextToken": "made up"}, name="Name")
