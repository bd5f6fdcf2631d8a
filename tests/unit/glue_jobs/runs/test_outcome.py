"""Tests the report of a run: its row, its metrics, and its failure for bad input."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.lake.runs import run_key
from contracts.lake.tables import RUNS
from glue_jobs.runs.arguments import ReportArguments
from glue_jobs.runs.metrics import metric_data
from glue_jobs.runs.outcome import quarantine_excess
from glue_jobs.runs.run_record import RunRecord, columns_of

STARTED = datetime(2026, 6, 3, 23, 59, tzinfo=UTC)
COUNTS = {
    "read": 100,
    "kept": 70,
    "duplicates": 10,
    "late": 3,
    "quarantined": {"not_json": 15, "wrong_type": 5},
}
SERIES = {"devices": 2, "values": 40, "cut": "2026-06-02T00:00:00Z"}


def record(counts: dict[str, Any], job: str = "telemetry_to_parquet") -> RunRecord:
    return RunRecord(job, "jr_1", STARTED, 9.5, "succeeded", **columns_of(counts))


def arguments(share: float, least: int) -> ReportArguments:
    return ReportArguments("file:///runs/", "dev", "Lakecast", share, least, "jr_1")


@pytest.mark.parametrize("counts", [COUNTS, SERIES], ids=["telemetry", "series"])
def test_a_row_is_read_back_from_its_file_with_all_counts(counts: dict) -> None:
    row = record(counts)
    again = RunRecord.from_parquet(row.to_parquet())
    assert again == row
    assert again.job_result() == counts
    assert [*vars(again)] == [column.name for column in RUNS.columns]
    assert run_key(again.started, again.run_id) == "date=2026-06-03/jr_1.parquet"


def test_each_count_and_each_reason_is_a_metric() -> None:
    data = metric_data(record(COUNTS), "dev")
    values = {
        (datum["MetricName"], *(d["Value"] for d in datum["Dimensions"])): datum["Value"]
        for datum in data
    }
    dimensions = ("dev", "telemetry_to_parquet")
    assert values == {
        ("RunsSucceeded", *dimensions): 1,
        ("Seconds", *dimensions): 9.5,
        ("Read", *dimensions): 100,
        ("Kept", *dimensions): 70,
        ("Duplicates", *dimensions): 10,
        ("Late", *dimensions): 3,
        ("Quarantined", *dimensions): 20,
        ("Quarantined", *dimensions, "not_json"): 15,
        ("Quarantined", *dimensions, "wrong_type"): 5,
        ("QuarantinedShare", *dimensions): 0.2,
    }
    assert {datum["Timestamp"] for datum in data} == {STARTED}


def test_an_idle_run_has_no_share() -> None:
    idle = record({"read": 0, "kept": 0, "duplicates": 0, "quarantined": {}})
    names = [datum["MetricName"] for datum in metric_data(idle, "dev")]
    assert "Read" in names
    assert "QuarantinedShare" not in names
    assert quarantine_excess(idle, arguments(0.0, 0)) is None


def test_a_run_fails_above_the_share_and_not_at_it() -> None:
    assert quarantine_excess(record(COUNTS), arguments(0.2, 100)) is None
    reason = quarantine_excess(record(COUNTS), arguments(0.19, 100))
    assert reason is not None
    assert reason.startswith(
        "20 of 100 messages (20.0%) are in quarantine, more than the 19.0% allowed: "
        "15 not_json, 5 wrong_type."
    )


def test_a_run_of_few_messages_does_not_fail() -> None:
    assert quarantine_excess(record(COUNTS), arguments(0.0, 101)) is None
    assert quarantine_excess(record(SERIES), arguments(0.0, 0)) is None


def test_report_arguments_are_checked() -> None:
    words = ["--runs", "s3://b/runs", "--environment", "dev", "--metrics_namespace", "Lakecast"]
    numbers = ["--max_quarantined_share", "0.05", "--least_messages", "1000"]
    given = ReportArguments.of(["job.py", *words, *numbers, "--JOB_RUN_ID", "jr_1"])
    assert given == ReportArguments("s3://b/runs/", "dev", "Lakecast", 0.05, 1000, "jr_1")
    with pytest.raises(ValueError, match=r"max_quarantined_share from 0 to 1.*got '5' and '1000'"):
        ReportArguments.of(["job.py", *words, "--max_quarantined_share", "5", *numbers[2:]])
