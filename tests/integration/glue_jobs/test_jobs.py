"""Both jobs through AWS's API: raw messages in S3 to tables, channels and histories in S3."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forecast_format.channels import read_channel

from contracts.lake import locations
from contracts.lake.runs import NAMESPACE
from contracts.models.forecast_input import FREQUENCY, CategoryIndex, RecentHistory
from contracts.names import BUILD_SERIES, COMPACT, TELEMETRY_TO_PARQUET
from glue_jobs.operator.errors import JobFailedError
from glue_jobs.operator.job_client import Window
from localcloud.cloud.launch import LocalCloud
from tests.support.glue.testbed import ARRIVED, WINDOW, Estate, message

pytestmark = pytest.mark.timeout(300)

HOURS = 60
DEVICES = ("north", "south")


@pytest.fixture(scope="module")
def estate(aws: boto3.Session) -> Estate:
    return Estate(aws).build()


@pytest.fixture(scope="module")
def too_early(estate: Estate) -> str:
    """What the jobs say before there are messages, and before there are readings."""
    with pytest.raises(JobFailedError, match=r"no messages in s3://.*; run `make device"):
        estate.run(TELEMETRY_TO_PARQUET, Window())
    with pytest.raises(JobFailedError) as failed:
        estate.run(BUILD_SERIES)
    return str(failed.value)


@pytest.fixture(scope="module")
def landed(estate: Estate, too_early: str) -> dict:
    """Counts of the first run over two devices' readings and everything that can be wrong.

    With them the tables as they were then, because other tests add to these.
    """
    readings = [message(device, hour) for device in DEVICES for hour in range(HOURS) if hour != 30]
    legacy = {
        "schema_version": ...,
        "device_id": ...,
        "boot_id": ...,
        "sequence": ...,
        "particulate_matter": ...,
        "particullate_matter": 7.0,
        "thing_name": "old",
    }
    estate.land("a", readings)
    estate.land("b", [*readings[:3], "", message("old", 0, **legacy), message("old", 1, **legacy)])
    estate.land("c", [message("north", 60, firmware="1.2")])
    estate.land(
        "d",
        [
            message("north", 61) + message("north", 62) + "," + message("north", 61),
            "not json",
            message("north", 63, timestamp=...),
            message("north", 64, ozone="12.5"),
            message("south", 65, thing_name="north"),
        ],
    )
    estate.put(
        "raw", f"{locations.RAW_TELEMETRY.prefix}{locations.arrival_prefix(ARRIVED)}empty.gz", b""
    )
    payload = base64.b64encode(b"\xff not text").decode()
    estate.put(
        "raw",
        f"{locations.RAW_RULE_ERRORS.prefix}{locations.arrival_prefix(ARRIVED)}one.json",
        json.dumps({"topic": "telemetry/north", "base64OriginalPayload": payload}).encode(),
    )
    counts = estate.run(TELEMETRY_TO_PARQUET)
    tables = {place: estate.table(place) for place in (locations.TELEMETRY, locations.QUARANTINE)}
    return {**counts, "tables": tables}


def run_verb(cloud: LocalCloud, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lakecast", "lake", *words],
        env={**os.environ, **cloud.env, "LAKECAST_ENV": "staging"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def lake_twice(estate: Estate, landed: dict, cloud: LocalCloud) -> dict:
    """The tables after the first run and after the verb has worked off all that there is."""
    places = (locations.TELEMETRY, locations.QUARANTINE)
    before = [estate.table(place) for place in places]
    verb = run_verb(cloud, "etl", TELEMETRY_TO_PARQUET)
    assert verb.returncode == 0, verb.stderr
    return {
        "before": before,
        "after": [estate.table(place) for place in places],
        "counts": estate.record(TELEMETRY_TO_PARQUET).job_result(),
        "printed": verb.stdout,
    }


def test_every_message_ends_in_exactly_one_place(landed: dict) -> None:
    kept = 2 * (HOURS - 1) + 2 + 1 + 2
    assert landed["kept"] == kept
    assert landed["duplicates"] == 3 + 1
    assert landed["quarantined"] == {
        "empty_object": 1,
        "foreign_device": 1,
        "missing_time": 1,
        "not_json": 2,
        "wrong_type": 1,
    }
    assert landed["read"] == kept + landed["duplicates"] + 6
    assert len(landed["tables"][locations.TELEMETRY]) == kept
    assert len(landed["tables"][locations.QUARANTINE]) == 6


def test_readings_lie_in_their_day_and_unknown_fields_are_kept(landed: dict) -> None:
    rows = landed["tables"][locations.TELEMETRY]
    assert all(f"{row['timestamp']:%Y-%m-%d}" == row["date"] for row in rows)
    (row,) = (row for row in rows if row["sequence"] == 60)
    assert dict(row["extra"]) == {"firmware": "1.2"}
    old = [row for row in rows if row["device_id"] == "old"]
    assert [row["particulate_matter"] for row in old] == [7.0, 7.0]
    assert {row["boot_id"] for row in old} == {None}


def test_quarantine_names_reason_and_object(landed: dict) -> None:
    rows = {row["raw_line"]: row for row in landed["tables"][locations.QUARANTINE]}
    assert rows["not json"]["source"] == "telemetry/2026/06/03/10/d.gz"
    assert rows["\\udcff not text"]["source"] == "errors/rule/2026/06/03/10/one.json"
    (wrong,) = (row for row in rows.values() if row["reason"] == "wrong_type")
    assert wrong["detail"] == 'expected ozone to be a number; got ozone: "12.5"'
    assert {row["date"] for row in rows.values()} == {"2026-06-03"}


def test_the_same_window_twice_leaves_the_same_tables(lake_twice: dict, landed: dict) -> None:
    assert lake_twice["after"] == lake_twice["before"]
    assert lake_twice["counts"]["kept"] == 0
    assert lake_twice["counts"]["read"] == landed["read"]
    assert lake_twice["counts"]["quarantined"] == landed["quarantined"]


def test_the_verb_prints_the_counts_and_the_next_command(lake_twice: dict) -> None:
    words = lake_twice["printed"].split()
    counts = lake_twice["counts"]
    assert words[words.index("read") + 2] == str(counts["read"])
    assert words[words.index("foreign_device") + 2] == "1"
    assert lake_twice["printed"].rstrip().endswith("next: make train ENV=staging")


def test_late_reading_joins_its_day(estate: Estate, lake_twice: dict) -> None:
    later = ARRIVED + timedelta(days=1)
    before = len(estate.table(locations.TELEMETRY))
    estate.land("late", [message("north", 30, ozone=99.0), message("north", 31)], later)
    window = type(WINDOW)(start=later, end=later + timedelta(hours=1))
    counts = estate.run(TELEMETRY_TO_PARQUET, window)
    assert (counts["read"], counts["kept"], counts["duplicates"]) == (2, 1, 1)
    rows = estate.table(locations.TELEMETRY)
    assert len(rows) == before + 1
    assert [row["ozone"] for row in rows if row["sequence"] == 30] == [99.0]


def test_a_run_that_understood_too_little_is_failed_and_loses_nothing(
    estate: Estate, lake_twice: dict
) -> None:
    arrived = ARRIVED + timedelta(days=2)
    before = len(estate.table(locations.TELEMETRY))
    estate.land("broken", [message("north", 90), *(f"broken {n}" for n in range(11))], arrived)
    window = Window(start=arrived, end=arrived + timedelta(hours=1))
    with pytest.raises(
        JobFailedError,
        match=r"ended as FAILED: QuarantineError: 11 of 12 messages \(91\.7%\) .* 11 not_json",
    ):
        estate.run(TELEMETRY_TO_PARQUET, window)
    run = estate.record(TELEMETRY_TO_PARQUET)
    assert (run.outcome, run.read, run.kept, run.quarantined) == ("failed", 12, 1, 11)
    assert (run.window_start, run.window_end) == (window.start, window.end)
    assert run.error is not None and run.error.startswith("11 of 12 messages (91.7%)")
    assert len(estate.table(locations.TELEMETRY)) == before + 1
    quarantined = {row["raw_line"] for row in estate.table(locations.QUARANTINE)}
    assert quarantined >= {f"broken {n}" for n in range(11)}


def test_the_counts_of_runs_are_in_cloudwatch(estate: Estate, landed: dict) -> None:
    whose = {"environment": "staging", "job": TELEMETRY_TO_PARQUET}

    def published(metric: str, **more: str) -> float:
        now = datetime.now(UTC)
        points = estate.session.client("cloudwatch").get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=metric,
            Dimensions=[{"Name": k, "Value": v} for k, v in {**whose, **more}.items()],
            StartTime=now - timedelta(hours=2),
            EndTime=now + timedelta(hours=1),
            Period=3 * 3600,
            Statistics=["Maximum"],
        )["Datapoints"]
        return max(point["Maximum"] for point in points)

    assert published("Kept") == landed["kept"]
    assert published("Read") == landed["read"]
    assert published("Quarantined", reason="foreign_device") == 1
    assert published("QuarantinedShare") >= 6 / landed["read"]


@pytest.fixture(scope="module")
def built(estate: Estate, lake_twice: dict) -> dict:
    """Counts of a run of build_series that finds the index of an earlier one."""
    index = f"{locations.CHANNELS.prefix}categories.json"
    earlier = CategoryIndex.of(["south"], ["particulate_matter"])
    estate.put(locations.CHANNELS.purpose, index, earlier.to_json().encode())
    return estate.run(BUILD_SERIES)


def test_series_channels_and_histories_follow_from_the_readings(
    estate: Estate, built: dict
) -> None:
    counts, index = built, f"{locations.CHANNELS.prefix}categories.json"
    assert (counts["devices"], counts["series"]) == (3, 15)
    assert counts["values"] + counts["gaps"] == len(estate.table(locations.SERIES_HOURLY))
    categories = CategoryIndex.from_json(estate.body(locations.CHANNELS, index).decode())
    assert categories.devices == ("south", "north", "old")  # the earlier index keeps its positions
    assert categories.pollutants == ("particulate_matter", "ozone")
    objects = [
        key for key in estate.keys(locations.CHANNELS) if not key.endswith("categories.json")
    ]
    assert all(key.endswith(".parquet") for key in objects)
    train, test = (channel(estate, objects, name) for name in ("train", "test"))
    assert len(train) == len(test) == counts["trained_series"] == 6
    for one, whole in zip(train, test, strict=True):
        assert one["cat"] == whole["cat"]
        assert whole["target"][: len(one["target"])] == one["target"]
        assert len(whole["target"]) - len(one["target"]) == 24
    north = RecentHistory.from_json(
        estate.body(locations.RECENT, f"{locations.RECENT.prefix}north.json").decode()
    )
    assert north.start == "2026-05-31 00:00:00"
    assert north.target["ozone"][:2] == [0.0, 1.0]
    assert set(north.cat) == {"ozone", "particulate_matter"}


def channel(estate: Estate, objects: list[str], name: str) -> list[dict]:
    rows = []
    for key in objects:
        if f"/{name}/" in key:
            rows += pq.read_table(pa.BufferReader(estate.body(locations.CHANNELS, key))).to_pylist()
    for row in rows:
        row["target"] = [None if math.isnan(value) else value for value in row["target"]]
    return sorted(rows, key=lambda row: row["cat"])


def as_container(estate: Estate, folder: Path) -> dict[str, list]:
    """The channels as the DeepAR container reads them."""
    for key in estate.keys(locations.CHANNELS):
        path = folder / key.removeprefix(locations.CHANNELS.prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(estate.body(locations.CHANNELS, key))
    return {
        name: [
            (one.start, one.cat, one.target.tobytes())
            for one in read_channel(folder / name, FREQUENCY)
        ]
        for name in ("train", "test")
    }


def test_either_format_of_the_channels_holds_the_same_series(
    estate: Estate, built: dict, tmp_path: Path
) -> None:
    parquet = as_container(estate, tmp_path / "parquet")
    counts = estate.run(BUILD_SERIES, Window(options={"channel_format": "jsonl"}))
    assert (counts["days_read"], counts["histories_written"]) == (0, 0)
    assert all(key.endswith((".json.gz", "s.json")) for key in estate.keys(locations.CHANNELS))
    json_lines = as_container(estate, tmp_path / "jsonl")
    assert len(parquet["train"]) == len(parquet["test"]) == counts["trained_series"]
    assert json_lines == parquet


def test_an_option_of_another_job_is_refused(cloud: LocalCloud) -> None:
    verb = run_verb(cloud, "etl", TELEMETRY_TO_PARQUET, "--full")
    assert (verb.returncode, verb.stdout) == (1, "")
    assert verb.stderr == "lakecast lake etl: --full is an option of build_series only\n"


def test_compaction_leaves_few_files_and_the_same_rows(
    estate: Estate, lake_twice: dict, cloud: LocalCloud
) -> None:
    tables = (locations.TELEMETRY, locations.QUARANTINE)
    arrived = ARRIVED + timedelta(hours=1)  # of the same days as the first run's
    estate.land("more", [message("north", 33, sequence=1033), "broken 33"], arrived)
    hour = Window(start=arrived, end=arrived + timedelta(hours=1))
    assert estate.run(TELEMETRY_TO_PARQUET, hour)["kept"] == 1
    before = [estate.table(place) for place in tables]
    crowded = len(estate.files(locations.TELEMETRY))
    options = ["--closed-after", "0", "--retain", "0", "--force"]
    verb = run_verb(cloud, "compact", *options)
    assert verb.returncode == 0, verb.stderr
    counts = estate.record(COMPACT).job_result()
    words = verb.stdout.replace(",", "").split()
    assert words[words.index("before") + 2] == str(counts["files_before"])
    assert counts["days_compacted"] >= 2
    assert counts["files_before"] > counts["files_after"]
    assert len(estate.files(locations.TELEMETRY)) < crowded
    assert [estate.table(place) for place in tables] == before
    left = [key for key in estate.keys(locations.TELEMETRY) if "/_" not in key]
    assert set(left) == set(estate.files(locations.TELEMETRY)), "the small ones are gone"


def test_wrong_readings_are_withdrawn_and_reinstated(
    estate: Estate, lake_twice: dict, cloud: LocalCloud
) -> None:
    before = len(estate.table(locations.TELEMETRY))
    times = ["--start", "2026-05-31T05:00:00Z", "--end", "2026-05-31T08:00:00Z"]
    verb = run_verb(cloud, "withdraw", "--device", "north", *times, "--why", "in a greenhouse")
    assert verb.returncode == 0, verb.stderr
    printed = re.fullmatch(r"3 readings withdrawn as (\S+)\nnext: make etl FULL=1.*\n", verb.stdout)
    assert printed is not None, verb.stdout
    rows = estate.table(locations.TELEMETRY)
    assert len(rows) == before - 3
    assert not {5, 6, 7} & {row["sequence"] for row in rows if row["device_id"] == "north"}
    counts = estate.run(TELEMETRY_TO_PARQUET)
    assert counts["quarantined"]["withdrawn"] >= 3
    assert counts["kept"] == 0, "all others are found again, in the compacted files too"
    verb = run_verb(cloud, "reinstate", "--withdrawal", printed[1])
    assert verb.returncode == 0, verb.stderr
    assert estate.run(TELEMETRY_TO_PARQUET)["kept"] == 3
    verb = run_verb(cloud, "reinstate", "--withdrawal", printed[1])
    assert (verb.returncode, verb.stderr.count("\n")) == (1, 1)


def test_series_without_readings_fail_with_one_clear_line(too_early: str) -> None:
    assert "there are no readings in s3://lakecast-staging-curated-" in too_early
    assert "run telemetry_to_parquet first" in too_early
    assert "\n" not in too_early


def test_jobs_that_do_not_exist_say_what_to_do(aws: boto3.Session) -> None:
    with pytest.raises(
        JobFailedError, match=r"the estate is not applied: .*make plan apply ENV=dev"
    ):
        Estate(aws, "dev").run(TELEMETRY_TO_PARQUET)
