"""Tables, partitions and jobs are listed, filtered and changed as by AWS."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.localcloud.glue.test_members import glue  # noqa: F401 - a fixture

NAMES = {"DatabaseName": "lake", "TableName": "hourly"}
DAYS = [f"2026-01-{day:02}" for day in range(1, 13)]


@pytest.fixture(scope="module")
def lake(glue: Any) -> Any:  # noqa: F811
    """A database with a table of twelve partitions, and two other tables."""
    assert glue("CreateDatabase", DatabaseInput={"Name": "lake"})["status"] == 200
    keys = [{"Name": "day", "Type": "date"}, {"Name": "hour", "Type": "int"}]
    for name in ("hourly", "hourly_old", "daily"):
        storage = {"Columns": [{"Name": "value", "Type": "double"}], "Location": "s3://lake/"}
        table = {"Name": name, "PartitionKeys": keys, "StorageDescriptor": storage}
        assert glue("CreateTable", DatabaseName="lake", TableInput=table)["status"] == 200
    inputs = [
        {"Values": [day, str(number)], "StorageDescriptor": storage}
        for number, day in enumerate(DAYS)
    ]
    assert glue("BatchCreatePartition", **NAMES, PartitionInputList=inputs)["Errors"] == []
    return glue


def hours(answer: dict[str, Any]) -> list[int]:
    return [int(partition["Values"][1]) for partition in answer["Partitions"]]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("day = '2026-01-02'", [1]),
        ("hour > 9", [10, 11]),
        ("hour in (1, 2) or day between '2026-01-11' and '2026-01-12'", [1, 2, 10, 11]),
        ("not (hour >= 1) and day is not null", [0]),
        ("day <> '2026-01-01' AND hour <= 2", [1, 2]),
        ("hour = 99", []),
        (" ", list(range(12))),
    ],
)
def test_partitions_are_filtered_by_typed_keys(
    lake: Any, expression: str, found: list[int]
) -> None:
    assert hours(lake("GetPartitions", **NAMES, Expression=expression)) == found


@pytest.mark.parametrize(
    "expression",
    ["colour = 'red'", "hour = ", "hour in (select 1 from read_text('/etc/hosts'))"],
)
def test_expression_that_cannot_be_evaluated_is_refused(lake: Any, expression: str) -> None:
    answer = lake("GetPartitions", **NAMES, Expression=expression)
    assert answer["__type"] == "InvalidInputException"


def test_partitions_come_in_pages_and_segments(lake: Any) -> None:
    first = lake("GetPartitions", **NAMES, MaxResults=5)
    second = lake("GetPartitions", **NAMES, MaxResults=5, NextToken=first["NextToken"])
    last = lake("GetPartitions", **NAMES, MaxResults=5, NextToken=second["NextToken"])
    assert hours(first) + hours(second) + hours(last) == list(range(12))
    assert "NextToken" not in last
    segments = [
        hours(lake("GetPartitions", **NAMES, Segment={"SegmentNumber": n, "TotalSegments": 3}))
        for n in range(3)
    ]
    assert sorted(hour for segment in segments for hour in segment) == list(range(12))
    (partition, *_) = lake("GetPartitions", **NAMES, ExcludeColumnSchema=True)["Partitions"]
    assert partition["StorageDescriptor"] == {"Location": "s3://lake/"}


@pytest.mark.parametrize("operation", ["GetPartitions", "GetTables", "GetJobRuns", "GetJobs",
                                       "GetDatabases", "ListDataQualityRulesets"])  # fmt: skip
@pytest.mark.parametrize("token", ["no token", "LTE="])
def test_unknown_token_is_refused(lake: Any, operation: str, token: str) -> None:
    lake("CreateJob", Name="job", Role="role", Command={"Name": "glueetl"})
    more = {"GetPartitions": NAMES, "GetTables": {"DatabaseName": "lake"},
            "GetJobRuns": {"JobName": "job"}}.get(operation, {})  # fmt: skip
    answer = lake(operation, NextToken=token, **more)
    assert answer["__type"] == "InvalidInputException"
    assert "NextToken" in answer["message"]


def test_partition_is_replaced_and_moved(lake: Any) -> None:
    names = {**NAMES, "TableName": "daily"}
    for hour in ("1", "2"):
        lake("CreatePartition", **names, PartitionInput={"Values": [DAYS[0], hour]})
    moved = {"Values": [DAYS[0], "3"], "Parameters": {"rows": "9"}}
    values = [DAYS[0], "1"]
    assert (
        lake("UpdatePartition", **names, PartitionValueList=values, PartitionInput=moved)["status"]
        == 200
    )
    found = lake("GetPartition", **names, PartitionValues=moved["Values"])["Partition"]
    assert (found["Parameters"], found["TableName"]) == ({"rows": "9"}, "daily")
    assert lake("GetPartition", **names, PartitionValues=values)["status"] == 400
    answer = lake("BatchUpdatePartition", **names, Entries=[
        {"PartitionValueList": [DAYS[0], "2"], "PartitionInput": moved},
        {"PartitionValueList": [DAYS[0], "8"], "PartitionInput": moved},
    ])  # fmt: skip
    assert [one["ErrorDetail"]["ErrorCode"] for one in answer["Errors"]] == [
        "AlreadyExistsException",
        "EntityNotFoundException",
    ]


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("CreatePartition", {"PartitionInput": {"Values": ["a"]}}),
        ("BatchCreatePartition", {"PartitionInputList": [{"Values": ["a"]}]}),
        ("DeletePartition", {"PartitionValues": ["a"]}),
        ("GetPartitions", {}),
        ("UpdatePartition", {"PartitionValueList": ["a"], "PartitionInput": {}}),
        ("BatchUpdatePartition", {"Entries": []}),
    ],
)
def test_partition_needs_its_table(lake: Any, operation: str, members: dict[str, Any]) -> None:
    answer = lake(operation, DatabaseName="lake", TableName="absent", **members)
    assert answer["__type"] == "EntityNotFoundException"


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("hour*", ["hourly", "hourly_old"]),
        ("hour.*", ["hourly", "hourly_old"]),
        ("hourly", ["hourly"]),
        ("daily|hourly", ["daily", "hourly"]),
        ("[dh][a-z]*", ["daily", "hourly"]),
        ("", ["daily", "hourly", "hourly_old"]),
    ],
)
def test_tables_are_found_by_their_names(lake: Any, expression: str, found: list[str]) -> None:
    answer = lake("GetTables", DatabaseName="lake", Expression=expression)
    assert [table["Name"] for table in answer["TableList"]] == found


def test_tables_of_no_database_and_of_no_pattern_are_refused(lake: Any) -> None:
    assert lake("GetTables", DatabaseName="x")["__type"] == "EntityNotFoundException"
    answer = lake("GetTables", DatabaseName="lake", Expression="(")
    assert answer["__type"] == "InvalidInputException"


def test_jobs_are_listed_and_fetched_together(lake: Any) -> None:
    for name in ("a", "b", "c"):
        lake("CreateJob", Name=f"list-{name}", Role="role", Command={"Name": "glueetl"},
             Tags={"team": name})  # fmt: skip
    assert lake("ListJobs", Tags={"team": "b"})["JobNames"] == ["list-b"]
    first = lake("ListJobs", MaxResults=1)
    assert len(first["JobNames"]) == 1
    assert "NextToken" in first
    answer = lake("BatchGetJobs", JobNames=["list-c", "absent", "list-a"])
    assert [job["Name"] for job in answer["Jobs"]] == ["list-c", "list-a"]
    assert answer["JobsNotFound"] == ["absent"]
    assert {job["Name"] for job in lake("GetJobs")["Jobs"]} >= {"list-a", "list-b", "list-c"}


def test_runs_of_an_unknown_job_are_not_found(lake: Any) -> None:
    assert lake("GetJobRuns", JobName="absent")["__type"] == "EntityNotFoundException"


def test_update_of_a_job_needs_role_and_command(lake: Any) -> None:
    lake("CreateJob", Name="updated", Role="role", Command={"Name": "glueetl"})
    answer = lake("UpdateJob", JobName="updated", JobUpdate={"Role": "role"})
    assert answer["__type"] == "InvalidInputException"
    queue = {"Role": "r", "Command": {"Name": "glueetl"}, "JobRunQueuingEnabled": True}
    answer = lake("UpdateJob", JobName="updated", JobUpdate=queue)
    assert "JobRunQueuingEnabled" in answer["message"]


def test_trigger_that_would_start_jobs_at_once_is_refused(lake: Any) -> None:
    for type_, status in (("ON_DEMAND", 400), ("SCHEDULED", 200)):
        lake("CreateTrigger", Name=type_, Type=type_, Actions=[{"JobName": "job"}])
        assert lake("StartTrigger", Name=type_)["status"] == status
