"""Tests that compaction reduces files without changing rows, in parallel with other writers."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from glue_jobs import compact
from glue_jobs.lake import compaction, delta
from glue_jobs.lake.compaction import Table, compact_day, crowded_days, files_for
from glue_jobs.lake.delta import DataFile, Snapshot
from glue_jobs.lake.tables import READINGS
from glue_jobs.runs.arguments import CompactArguments
from tests.support.glue.spark import spark

NOW = datetime.now(UTC)
MIB = 2**20


def file(path: str, date: str, size: int, added: datetime) -> DataFile:
    return DataFile(path, date, 1, size, int(added.timestamp() * 1000))


def crowded(*files: DataFile) -> dict[str, list[str]]:
    days = crowded_days(Snapshot("", 0, files, "", None), NOW - timedelta(days=2))
    return {date: [file.path for file in day] for date, day in days.items()}


def test_only_closed_days_with_too_many_small_files_are_crowded():
    old, new = NOW - timedelta(days=3), NOW - timedelta(days=1)
    assert crowded(
        *(file(name, "2026-01-01", 5 * MIB, old) for name in "ab"),
        file("c", "2026-01-02", 5 * MIB, old),  # one file
        file("d", "2026-01-03", 5 * MIB, old),
        file("e", "2026-01-03", 5 * MIB, new),  # added yesterday
        file("f", "2026-01-04", 300 * MIB, old),
        *(file(name, "2026-01-04", 5 * MIB, old) for name in "gh"),  # late, next to a large file
        *(file(name, "2026-01-05", 200 * MIB, old) for name in "ij"),
    ) == {"2026-01-01": ["a", "b"], "2026-01-04": ["g", "h"]}


@pytest.mark.parametrize(
    ("sizes", "files"), [([1], 1), ([100] * 5, 1), ([100] * 6, 2), ([100] * 30, 6)]
)
def test_merged_files_have_an_efficient_size(sizes: list[int], files: int) -> None:
    small = [file("", "", size * MIB, NOW) for size in sizes]
    assert files_for(small) == files
    assert sum(sizes) / files <= 512


class Lake:
    """A table of readings in a folder, to which each run adds one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = f"file://{folder}/telemetry/"
        self.table = Table("telemetry", self.uri, READINGS, ("device_id", "timestamp"))

    def rows(self, number: int, day: str) -> Any:
        ids = spark().range(20)
        made = {
            "device_id": F.format_string("device-%02d", F.col("id") % 5),
            "sequence": F.col("id") + 20 * number,
            "timestamp": F.timestamp_seconds(
                F.unix_timestamp(F.lit(f"{day} 00:00:00")) + F.col("id")
            ),
            "extra": F.create_map(F.lit("firmware"), F.lit("1.2")),
        }
        columns = [
            made.get(field.name, F.lit(None)).cast(field.dataType).alias(field.name)
            for field in READINGS.fields
        ]
        return ids.select(*columns, F.lit(day).alias("date"))

    def add(self, number: int, day: str = "2026-06-01") -> None:
        base = delta.snapshot(self.uri)
        new = delta.write(self.rows(number, day).coalesce(1), self.uri, READINGS, f"run-{number}")
        delta.commit(base, READINGS, new, run=f"run-{number}")

    def files(self) -> list[DataFile]:
        return list(delta.snapshot(self.uri).files)

    def read(self) -> list[str]:
        rows = delta.read(spark(), self.uri, self.files(), READINGS)
        return sorted(map(repr, rows.collect()))

    def compact(self, *options: str) -> dict[str, Any]:
        return compact.run(spark(), self.arguments("--closed_after_hours", "0", *options))

    def arguments(self, *options: str) -> CompactArguments:
        words = ["job", "--telemetry", self.uri]
        for table in ("quarantine", "series"):
            words += [f"--{table}", f"file://{self.folder}/{table}/"]
        return CompactArguments.of([*words, *options])


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    for number in range(4):
        lake.add(number)
    lake.add(4, "2026-06-02")
    return lake.folder


@pytest.fixture
def lake(tmp_path: Path, filled: Path) -> Lake:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    return Lake(tmp_path)


def test_many_files_of_a_day_become_one_with_the_same_rows(lake: Lake) -> None:
    before = lake.read()
    counts = lake.compact()
    assert lake.read() == before
    assert sorted(file.date for file in lake.files()) == ["2026-06-01", "2026-06-02"]
    assert (counts["days_compacted"], counts["files_before"], counts["files_after"]) == (1, 4, 1)
    assert counts["bytes_before"] > counts["bytes_after"] > 0
    assert counts["telemetry"].startswith("1 days_compacted, 0 days_given_up, 4 files_before")
    (written,) = (file for file in lake.files() if file.date == "2026-06-01")
    rows = spark().read.parquet(f"{lake.uri}{written.path}").collect()
    places = [(row["device_id"], row["timestamp"]) for row in rows]
    assert places == sorted(places), "sorted, so that scans prune"
    assert lake.compact()["days_compacted"] == 0


def test_a_day_that_still_grows_is_not_compacted(lake: Lake) -> None:
    before = lake.files()
    assert lake.compact("--closed_after_hours", "1")["days_compacted"] == 0
    assert lake.files() == before


def test_readings_added_during_the_compaction_stay(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run commits between the compaction's snapshot and its commit."""
    others = iter([5])

    def commit(base: Snapshot, *rest: Any, **how: Any) -> int:
        for number in others:
            lake.add(number)
        return delta_commit(base, *rest, **how)

    before, delta_commit = lake.read(), delta.commit
    monkeypatch.setattr(delta, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(delta, "commit", commit)
    done = compact_day(spark(), lake.table, lake.files()[:3], "compaction")
    assert len(done.after) == 1
    assert len(lake.read()) == len(before) + 20
    assert set(lake.read()) > set(before)


def test_a_day_that_another_run_has_rewritten_is_skipped(lake: Lake) -> None:
    day = [file for file in lake.files() if file.date == "2026-06-01"]
    delta.commit(delta.snapshot(lake.uri), READINGS, [], day[:1], run="a merge")
    before = lake.read()
    done = compact_day(spark(), lake.table, day, "compaction")
    assert not done.after
    assert lake.read() == before
    assert not list((lake.folder / "telemetry").glob("compaction-*/**/*.parquet"))


def test_a_run_that_dies_before_its_commit_changes_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    before, files = lake.read(), lake.files()
    with monkeypatch.context() as patch:
        patch.setattr(delta, "commit", die)
        with pytest.raises(KeyboardInterrupt):
            lake.compact()
    assert lake.files() == files
    assert lake.compact()["files_after"] == 1
    assert lake.read() == before


def test_a_compaction_that_loses_rows_is_not_committed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = delta.read
    monkeypatch.setattr(compaction.delta, "read", lambda *a: read(*a).where("sequence > 0"))
    files = lake.files()
    with pytest.raises(RuntimeError, match=r"-1 rows after compaction of 2026-06-01"):
        lake.compact()
    assert lake.files() == files


def test_old_files_of_no_version_are_deleted_and_ranges_stay(lake: Lake) -> None:
    folder = lake.folder / "telemetry"
    note = folder / "_identity_ranges/part.parquet"
    for left in (folder / "killed-run/date=2026-06-01/part.parquet", note):
        left.parent.mkdir(parents=True)
        left.write_bytes(b"left behind")
    before = lake.read()
    counts = lake.compact()
    assert counts["files_deleted"] == 0, "a week has not passed"
    assert delta.read(spark(), lake.uri, _at(lake, 5), READINGS).count() == 100
    assert len(list(folder.glob("*/date=*/*.parquet"))) == 2 + 4 + 1
    assert lake.compact("--retain_hours", "0", "--force", "true")["files_deleted"] >= 4 + 1
    assert lake.read() == before
    assert len(list(folder.glob("*/date=*/*.parquet"))) == len(lake.files())
    assert note.exists()


def _at(lake: Lake, version: int) -> tuple[DataFile, ...]:
    return delta._files(delta.DeltaTable(lake.uri, version=version))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--retain_hours", "24"], "--retain_hours of at least 168.*got 24; --force true"),
        (["--retain_hours", "week"], "--retain_hours of 0 or more; got 'week'"),
        (["--closed_after_hours", "-1"], "--closed_after_hours of 0 or more; got '-1'"),
        (["--force", "yes"], "--force to be one of false, true; got 'yes'"),
    ],
)
def test_invalid_arguments_are_refused(tmp_path: Path, options: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Lake(tmp_path).arguments(*options)
