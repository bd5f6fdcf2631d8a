"""Tests complete runs of `telemetry_to_parquet` on a disk: windows, quarantine, empty input."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.lake.locations import arrival_prefix
from contracts.lake.withdrawals import Withdrawal
from glue_jobs.errors import JobError
from glue_jobs.lake import delta
from glue_jobs.lake.objects import put_object
from glue_jobs.lake.tables import QUARANTINE, READINGS
from glue_jobs.runs.arguments import SeriesArguments, TelemetryArguments
from glue_jobs.telemetry import merging
from glue_jobs.telemetry_to_parquet import run
from tests.support.glue.spark import spark

TEN = datetime(2026, 6, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("read", "kept", "duplicates", "merged", "conflicts", "rejected", "late"), 0),
    "quarantined": {},
    "objects": 0,
    "misplaced_objects": 0,
    "withdrawn": 0,
}
"""Counts of a run without messages."""


class Lake:
    """A lake with its buckets in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def land(self, name: str, lines: list[str], arrived: datetime) -> Path:
        folder = self.root / "raw" / arrival_prefix(arrived)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.gz"
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
        return path

    def run(self, start: datetime, end: datetime) -> dict[str, Any]:
        return run(
            spark(),
            TelemetryArguments(
                **{
                    name: f"file://{self.root}/{name.removeprefix('raw_telemetry') or 'raw'}/"
                    for name in ("raw_telemetry", "raw_errors", "telemetry", "quarantine")
                },
                start=start,
                end=end,
                run_id="r",
            ),
        )

    def quarantine(self) -> list[tuple[str, str]]:
        table = delta.snapshot(f"file://{self.root}/quarantine/")
        rows = delta.read(spark(), table.uri, table.files, QUARANTINE).collect()
        return sorted((row["raw_line"], row["source"]) for row in rows)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def message(number: int) -> str:
    return json.dumps(
        {
            "schema_version": 1,
            "device_id": "a",
            "boot_id": "b",
            "sequence": number,
            "timestamp": "2026-06-01T00:00:00Z",
            "thing_name": "a",
        }
    )


def test_a_window_replaces_only_its_own_quarantine(lake: Lake) -> None:
    lake.land("x", ["first"], TEN)
    second = lake.land("y", ["second", message(1)], TEN + HOUR)
    assert lake.run(TEN, TEN + 2 * HOUR)["quarantined"] == {"not_json": 2}
    keys = ["telemetry/2026/06/03/10/x.gz", "telemetry/2026/06/03/11/y.gz"]
    assert lake.quarantine() == [("first", keys[0]), ("second", keys[1])]
    lake.land("y", [message(1)], TEN + HOUR)  # as if an improved parser accepted it
    counts = lake.run(TEN + HOUR, TEN + 2 * HOUR)
    assert counts == NOTHING | {"read": 1, "duplicates": 1, "late": 1, "objects": 1}
    assert lake.quarantine() == [("first", keys[0])]
    assert second.exists()
    lake.land("x", [message(2)], TEN)
    lake.run(TEN, TEN + HOUR)
    assert lake.quarantine() == []


def test_empty_input_does_not_fail(lake: Lake) -> None:
    assert lake.run(TEN, TEN + HOUR) == NOTHING
    lake.land("empty", [], TEN).write_bytes(b"")
    lake.land("blank", ["", " "], TEN)
    empty = {"quarantined": {"empty_object": 2}, "read": 2, "objects": 2}
    assert lake.run(TEN, TEN + HOUR) == NOTHING | empty


def test_arguments_are_read_as_glue_passes_them() -> None:
    places = ("raw_telemetry", "raw_errors", "telemetry", "quarantine")
    words = [word for name in places for word in (f"--{name}", f"s3://b/{name}")]
    window = ["--start", "2026-06-03T10:00:00Z", "--end", "2026-06-03T13:00:00+02:00"]
    given = TelemetryArguments.of(["job.py", *words, *window, "--JOB_RUN_ID", "jr_1"])
    assert given.telemetry == "s3://b/telemetry/"
    assert (given.start, given.end, given.run_id) == (TEN, TEN + HOUR, "jr_1")
    with pytest.raises(ValueError, match="expected --start before --end"):
        TelemetryArguments.of(["job.py", *words, "--start", "2026-06-04", "--end", "2026-06-03"])
    with pytest.raises(ValueError, match=r"expected --end in ISO 8601.*got 'soon'"):
        TelemetryArguments.of(["job.py", *words, "--start", "2026-06-04", "--end", "soon"])


def test_the_cut_is_optional_and_a_full_hour() -> None:
    places = ("telemetry", "series", "channels", "recent")
    words = [word for name in places for word in (f"--{name}", f"s3://b/{name}/")]
    assert SeriesArguments.of(["job.py", *words]).cut is None
    assert SeriesArguments.of(["job.py", *words, "--cut", "2026-06-03T10:00:00Z"]).cut == TEN
    with pytest.raises(ValueError, match="expected --cut at a full hour"):
        SeriesArguments.of(["job.py", *words, "--cut", "2026-06-03T10:30:00Z"])


def test_a_window_ends_whatever_its_objects_contain(lake: Lake) -> None:
    """Each of these once stopped the whole window, or looks like one that did."""
    stamp = {"schema_version": 1, "device_id": "n", "boot_id": "b", "thing_name": "n"}

    def message(sequence: int, **changes: Any) -> str:
        sound = {"sequence": sequence, "timestamp": "2026-06-01T12:00:00Z", "ozone": 5}
        return json.dumps(stamp | sound | changes)

    deep = f'{message(9)[:-1]}, "x": {"[" * 987}{"]" * 987}}}'
    lake.land(
        "a",
        [
            message(0),
            *(message(1, timestamp=f"0001-01-01T00:00:0{n}+01:00") for n in range(3)),
            message(2, timestamp="9999-12-31T23:59:59-01:00"),
            message(3, timestamp="0000-06-01T12:00:00Z"),
            deep,
        ],
        TEN,
    )
    errors = lake.root / "raw_errors" / arrival_prefix(TEN)
    errors.mkdir(parents=True)
    (errors / "deep.json").write_bytes(b"[" * 100_000)
    counts = lake.run(TEN, TEN + HOUR)
    assert counts["quarantined"] == {"bad_time": 5, "too_deep": 2}
    assert (counts["read"], counts["kept"]) == (8, 1)
    assert len(lake.quarantine()) == 7


def test_an_old_devices_pollutants_are_one_reading_and_a_reused_boot_id_loses_no_day(
    lake: Lake,
) -> None:
    old = {"timestamp": "2026-06-01T12:00:00Z", "thing_name": "old"}
    parts = [{"ozone": 41.0}, {"nitrogen_dioxide": 12.0}, {"carbon_monoxide": 300.0}]
    lake.land("old", [json.dumps(old | part) for part in parts], TEN)
    days = [
        {
            "schema_version": 1,
            "device_id": "n",
            "boot_id": "b",
            "sequence": n,
            "timestamp": f"2026-06-0{day}T0{n}:00:00Z",
            "ozone": 50 * day + n,
            "thing_name": "n",
        }
        for day in (1, 2)
        for n in range(4)
    ]
    lake.land("reused", [json.dumps(one) for one in days], TEN)
    counts = lake.run(TEN, TEN + HOUR)
    assert counts == NOTHING | {"read": 11, "kept": 9, "merged": 2, "late": 11, "objects": 2}


def test_every_object_ends_in_a_count_whatever_its_name(lake: Lake) -> None:
    def line(sequence: int) -> bytes:
        fields = {"schema_version": 1, "device_id": "n", "boot_id": "b", "thing_name": "n"}
        taken = {"timestamp": "2026-06-03T09:00:00Z", "ozone": 5}
        return json.dumps(fields | taken | {"sequence": sequence}).encode()

    folder = lake.root / "raw" / arrival_prefix(TEN)
    folder.mkdir(parents=True)
    names = ("a", "_a.gz", ".b.gz", "c d%20#?.gz", "e.parquet")
    for number, name in enumerate(names):
        (folder / name).write_bytes(gzip.compress(line(number)))
    (folder / "plain.gz").write_bytes(line(len(names)))
    (folder / "nul").write_bytes(b"\0" * 100)
    (folder / "nul.gz").write_bytes(b"\0" * 100)
    (folder / "nothing").write_bytes(b"")
    (folder.parent / "stray.gz").write_bytes(gzip.compress(line(99)))
    counts = lake.run(TEN, TEN + HOUR)
    assert counts["quarantined"] == {"empty_object": 2, "not_json": 1}
    assert (counts["kept"], counts["objects"]) == (len(names) + 1, 9)
    day = TEN.replace(hour=0)
    counts = lake.run(day, day + timedelta(days=1))
    assert (counts["objects"], counts["misplaced_objects"]) == (9, 1)
    assert (counts["kept"], counts["duplicates"]) == (0, len(names) + 1)
    assert len(lake.quarantine()) == 3


def test_withdrawn_readings_leave_the_lake_until_they_are_reinstated(lake: Lake) -> None:
    def message(device: str, hour: int) -> str:
        return json.dumps(
            {
                "schema_version": 1,
                "device_id": device,
                "boot_id": "b",
                "sequence": hour,
                "timestamp": f"2026-06-02T{hour:02}:00:00Z",
                "ozone": 5,
                "thing_name": device,
            }
        )

    def hours(device: str) -> list[int]:
        table = delta.snapshot(f"file://{lake.root}/telemetry/")
        rows = delta.read(spark(), table.uri, table.files, READINGS)
        return sorted(row["sequence"] for row in rows.where(f"device_id = '{device}'").collect())

    lake.land("a", [message(device, hour) for device in "ab" for hour in range(6)], TEN)
    assert lake.run(TEN, TEN + HOUR)["kept"] == 12
    night = datetime(2026, 6, 2, 1, tzinfo=UTC)
    one = Withdrawal("a", night, night + 3 * HOUR, "in a greenhouse", made=TEN)
    elsewhere = Withdrawal("b", night, night + 9 * HOUR, "none", made=TEN, boot_id="other")
    for withdrawal in (one, elsewhere):
        put_object(f"file://{lake.root}/telemetry/{withdrawal.key}", withdrawal.to_json())
    assert lake.run(TEN + HOUR, TEN + 2 * HOUR) == NOTHING | {"withdrawn": 3}
    assert (hours("a"), hours("b")) == ([0, 4, 5], [*range(6)])
    again = lake.run(TEN, TEN + HOUR)
    assert (again["quarantined"], again["kept"], again["withdrawn"]) == ({"withdrawn": 3}, 0, 0)
    (lake.root / "telemetry" / one.key).unlink()
    assert lake.run(TEN, TEN + HOUR)["kept"] == 3
    assert hours("a") == [*range(6)]


def test_a_run_that_a_withdrawal_overtakes_does_not_add_its_readings(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The withdrawal is made and applied after the run has read the messages."""
    lake.land("a", [message(number) for number in range(3)], TEN)
    day = datetime(2026, 6, 1, tzinfo=UTC)
    one = Withdrawal("a", day, day + HOUR, "in a greenhouse", made=TEN)
    original, overtaken = merging.write_days, []

    def overtake(*arguments: Any) -> Any:
        found = original(*arguments)
        if not overtaken:
            put_object(f"file://{lake.root}/telemetry/{one.key}", one.to_json())
            overtaken.append(lake.run(TEN + HOUR, TEN + 2 * HOUR))
        return found

    monkeypatch.setattr(merging, "write_days", overtake)
    counts = lake.run(TEN, TEN + HOUR)
    assert overtaken == [NOTHING]
    assert (counts["quarantined"], counts["kept"]) == ({"withdrawn": 3}, 0)
    assert delta.snapshot(f"file://{lake.root}/telemetry/").files == ()
    assert not [*(lake.root / "telemetry").glob("r-*/**/*.parquet")]


def test_a_document_that_is_no_withdrawal_is_named(lake: Lake) -> None:
    put_object(f"file://{lake.root}/telemetry/_withdrawn/x.json", "{}")
    with pytest.raises(JobError, match=r"_withdrawn/x.json: expected a withdrawal with device_id"):
        lake.run(TEN, TEN + HOUR)
