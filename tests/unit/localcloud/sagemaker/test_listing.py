from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.aws_shapes import service_model
from localcloud.services.sagemaker.listing import Order, page
from tests.support.models.sagemaker_service import ACCOUNT, REGION, Service

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


# --- the operations, against what botocore's documentation says of them ---

PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
TUNING = f"{PREFIX}:hyper-parameter-tuning-job/search"


@dataclass(frozen=True)
class Listing:
    """A List operation: its records' kind, the word in their members, and the answer's member."""

    kind: str
    word: str
    answer: str
    request: Mapping[str, Any] = field(default_factory=dict)


LISTINGS = {
    "ListTrainingJobs": Listing("training-job", "TrainingJob", "TrainingJobSummaries"),
    "ListProcessingJobs": Listing("processing-job", "ProcessingJob", "ProcessingJobSummaries"),
    "ListTransformJobs": Listing("transform-job", "TransformJob", "TransformJobSummaries"),
    "ListHyperParameterTuningJobs": Listing(
        "hyper-parameter-tuning-job",
        "HyperParameterTuningJob",
        "HyperParameterTuningJobSummaries",
    ),
    "ListTrainingJobsForHyperParameterTuningJob": Listing(
        "training-job",
        "TrainingJob",
        "TrainingJobSummaries",
        {"HyperParameterTuningJobName": "search"},
    ),
    "ListModels": Listing("model", "Model", "Models"),
    "ListModelPackages": Listing("model-package", "ModelPackage", "ModelPackageSummaryList"),
    "ListModelPackageGroups": Listing(
        "model-package-group", "ModelPackageGroup", "ModelPackageGroupSummaryList"
    ),
    "ListEndpointConfigs": Listing("endpoint-config", "EndpointConfig", "EndpointConfigs"),
    "ListEndpoints": Listing("endpoint", "Endpoint", "Endpoints"),
}
SEEDS = (("b-1", 0, 10.0), ("a-2", 1, 30.0), ("a-3", 0, 20.0))
SEARCH = {
    "HyperParameterTuningJobConfig": {
        "Strategy": "Random",
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
    },
    "HyperParameterTuningJobArn": TUNING,
    "HyperParameterTuningJobName": "search",
}


def documented(operation: str, member: str) -> str:
    shape = service_model("sagemaker").operation_model(operation).input_shape
    return re.sub("<[^>]+>", "", shape.members[member].documentation)


def statuses(operation: str) -> list[str]:
    """Returns two statuses of the operation's records; any for those that have no filter."""
    shape = service_model("sagemaker").operation_model(operation).input_shape
    known = getattr(shape.members.get("StatusEquals"), "enum", ["Completed", "Failed"])
    return [one for one in known if one in ("Completed", "Failed", "InService")][:2]


@pytest.fixture
def seeded(service: Service, operation: str) -> Iterator[Service]:
    """A service that has the three records of `SEEDS` and no other of their kind."""
    listing, store = LISTINGS[operation], service.store
    kept = store.all(listing.kind)
    for one in kept:
        store.delete(listing.kind, one.get(f"{listing.word}Name", ""))
    if "HyperParameterTuningJobName" in listing.request:
        store.put("hyper-parameter-tuning-job", "search", SEARCH)
    for name, status, moment in SEEDS:
        record = {
            **SEARCH,
            f"{listing.word}Name": name,
            f"{listing.word}Arn": f"{PREFIX}:{listing.kind}/{name}",
            f"{listing.word}Status": statuses(operation)[status],
            "CreationTime": moment,
            "LastModifiedTime": moment + 1,
            "SecondaryStatus": "Completed",
            "TuningJobArn": TUNING,
            "TunedHyperParameters": {},
            "FinalMetricDataList": [{"MetricName": "loss", "Value": moment}],
        }
        store.put(listing.kind, name, record)
    yield service
    for name, *_ in SEEDS:
        store.delete(listing.kind, name)
    for one in kept:
        store.put(listing.kind, one[f"{listing.word}Name"], one)
    store.delete("hyper-parameter-tuning-job", "search")


def called(service: Service, operation: str, **request: Any) -> tuple[list[str], dict[str, Any]]:
    listing = LISTINGS[operation]
    answer = service.call(operation, {**listing.request, **request})
    return [one[f"{listing.word}Name"] for one in answer[listing.answer]], answer


@pytest.mark.parametrize("operation", LISTINGS)
def test_default_order_is_the_documented_one(seeded: Service, operation: str) -> None:
    by, order = (
        re.search(r"The default is (?:\W*)(\w+)", documented(operation, member))
        for member in ("SortBy", "SortOrder")
    )
    assert by
    assert order
    explicit = called(seeded, operation, SortBy=by[1], SortOrder=order[1])[0]
    assert called(seeded, operation)[0] == explicit
    key = {"Name": lambda seed: seed[0], "CreationTime": lambda seed: seed[2]}[by[1]]
    expected = [one[0] for one in sorted(SEEDS, key=key, reverse=order[1] == "Descending")]
    assert explicit == expected


@pytest.mark.parametrize("operation", LISTINGS)
def test_every_filter_filters(seeded: Service, operation: str) -> None:
    shape = service_model("sagemaker").operation_model(operation).input_shape
    filters = {
        "NameContains": ("a-", {"a-2", "a-3"}),
        "CreationTimeAfter": (10.0, {"a-2", "a-3"}),
        "CreationTimeBefore": (30.0, {"b-1", "a-3"}),
        "LastModifiedTimeAfter": (11.0, {"a-2", "a-3"}),
        "LastModifiedTimeBefore": (31.0, {"b-1", "a-3"}),
        "StatusEquals": (statuses(operation)[0], {"b-1", "a-3"}),
    }
    tested = [one for one in filters if one in shape.members]
    for member in tested:
        given, expected = filters[member]
        if "greater than or equal" in documented(operation, member):
            expected = {"b-1", *expected}
        assert set(called(seeded, operation, **{member: given})[0]) == expected, member
    others = {"NextToken", "MaxResults", "SortBy", "SortOrder", *LISTINGS[operation].request}
    refused_or_tested_elsewhere = {
        "WarmPoolStatusEquals",
        "TrainingPlanArnEquals",
        "CrossAccountFilterOption",
        "ModelApprovalStatus",
        "ModelPackageGroupName",
        "ModelPackageType",
    }
    assert set(shape.members) - {*tested} - others <= refused_or_tested_elsewhere


@pytest.mark.parametrize("operation", LISTINGS)
def test_tokens_lead_through_all_pages(seeded: Service, operation: str) -> None:
    everything, token, found = called(seeded, operation)[0], {}, []
    for _ in SEEDS:
        names_, answer = called(seeded, operation, MaxResults=1, **token)
        found += names_
        token = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
    assert found == everything
    assert token == {}


@pytest.mark.parametrize("operation", ["ListTrainingJobsForHyperParameterTuningJob"])
def test_trials_are_sorted_by_their_objective(seeded: Service, operation: str) -> None:
    request = {"SortBy": "FinalObjectiveMetricValue", "SortOrder": "Descending"}
    completed = called(seeded, operation, **request)[0]
    assert completed == ["a-3", "b-1"]  # a-2 has failed
    second = called(seeded, operation, **request, MaxResults=1)[1]["NextToken"]
    assert called(seeded, operation, **request, NextToken=second)[0] == ["b-1"]
