"""Tests of what a run of build_series reads, writes and refuses, and of runs that die."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from glue_jobs import build_series
from glue_jobs.errors import JobError
from glue_jobs.lake.delta import Snapshot, commit, snapshot
from glue_jobs.lake.tables import SERIES
from tests.support.glue.series_lake import DEVICES, HOUR, START, Lake, reference


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with four days of two devices, after one run; each test ends with a run."""
    lake = Lake(tmp_path_factory.mktemp("lake"))
    lake.arrive([(device, START + n * HOUR, 2.0) for device in DEVICES[:2] for n in range(80)])
    first = lake.run()
    assert (first["days_read"], first["days_written"], first["histories_written"]) == (5, 5, 2)
    return lake


def files(lake: Lake) -> dict[str, str]:
    table = snapshot(lake.uri("series"))
    return {file.date: file.path for file in table.files}


def test_only_days_with_new_readings_are_read_and_written(lake: Lake) -> None:
    before = files(lake)
    lake.arrive([("ash", START + 30 * HOUR + timedelta(minutes=30), 4.0)])
    counts = lake.run()
    assert (counts["days_read"], counts["days_written"]) == (1, 1)
    assert counts["histories_written"] == 2, "the area's mean is another for all"
    changed = {date for date, path in files(lake).items() if before[date] != path}
    assert changed == {"2026-06-03"}
    assert lake.series()["ash", "ozone", START + 30 * HOUR] == 3.0


def test_a_run_without_new_readings_or_after_a_compaction_writes_nothing(lake: Lake) -> None:
    before, version = files(lake), snapshot(lake.uri("series")).version
    counts = lake.run()
    assert (counts["days_read"], counts["days_written"], counts["histories_written"]) == (0, 0, 0)
    assert snapshot(lake.uri("series")).version == version
    lake.compact()
    assert lake.run()["days_read"] == 0
    assert files(lake) == before


def test_a_new_method_rebuilds_all_series(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_series, "METHOD", 99)
    assert lake.run()["days_read"] == 5
    assert lake.run()["days_read"] == 0


def test_a_run_that_dies_at_any_point_is_repeated(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.arrive([("cedar", START + 70 * HOUR, 1.0)])

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    before = snapshot(lake.uri("series")).version
    for step in ("write_channel", "write_recent", "put_object", "commit"):
        with monkeypatch.context() as patch:
            patch.setattr(build_series, step, die)
            with pytest.raises(KeyboardInterrupt):
                lake.run()
        assert snapshot(lake.uri("series")).version == before, "readers see nothing of it"
    lake.run()
    assert lake.series() == reference(lake.readings)
    assert set(lake.written("recent")[0]) == {"ash.json", "beech.json", "cedar.json"}


def test_a_table_that_other_runs_keep_changing_raises_a_clear_error(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.arrive([("ash", START, 8.0)])

    def after_another(base: Snapshot, *rest: Any, **how: Any) -> int:
        commit(base, SERIES, [], run="another")
        return commit(base, *rest, **how)

    with monkeypatch.context() as patch:
        patch.setattr(build_series, "commit", after_another)
        patch.setattr(build_series, "ATTEMPTS", 2)
        with pytest.raises(JobError, match=r"committed to the series during each of 2 attempts"):
            lake.run()
    lake.run()
    assert lake.series() == reference(lake.readings)


def test_a_lake_without_a_value_has_no_series(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(JobError, match="no readings"):
        lake.run()
    lake.arrive([("ash", START, None)])
    with pytest.raises(JobError, match="no reading in the lake has a value"):
        lake.run()


def test_wrong_times_and_names_neither_stretch_the_grid_nor_leave_the_folder(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path / "deep" / "er" / "lake")
    lake.arrive(("ash", START + n * HOUR, 1.0) for n in range(48))
    lake.arrive(
        [
            ("ash", START - timedelta(days=9_000), 5.0),
            ("../../../escaped", START, 3.0),
            ("x" * 300, START, 3.0),
            ("beech", datetime.now(UTC) + timedelta(days=10), 7.0),
        ]
    )
    counts = lake.run("--max_history_days", "30")
    assert (counts["devices"], counts["devices_left_out"], counts["hours_left_out"]) == (1, 2, 4)
    assert (counts["days_written"], counts["first"]) == (3, "2026-06-01T20:00:00Z")
    assert {device for device, _, _ in lake.series()} == {"ash"}
    assert [path.name for path in tmp_path.rglob("*.json") if path.parent.name == "recent"] == [
        "ash.json"
    ]
    assert not [*tmp_path.rglob("*escaped*")]
    assert lake.run("--max_history_days", "30")["days_written"] == 0
    assert lake.run("--max_history_days", "1")["first"] == "2026-06-02T00:00:00Z"


def test_readings_of_clocks_that_were_not_set_add_no_hour_and_no_file(tmp_path: Path) -> None:
    """A clock's chip starts in 2000; tables from before `MAX_READING_AGE` have such readings."""
    size: list[tuple[int, dict[str, int]]] = []
    for number, days in enumerate((0, 1, 40)):
        lake = Lake(tmp_path / str(number))
        lake.arrive(("ash", START + n * HOUR, 1.0) for n in range(48))
        reset = datetime(2000, 1, 1, 0, 0, 5, tzinfo=UTC)
        if days:
            lake.arrive(("ash", reset + n * timedelta(days=1), 9.0) for n in range(days))
        counts = lake.run()
        assert counts["hours_left_out"] == days
        folders = ("series", "channels", "recent")
        files = {
            name: sum(path.is_file() for path in (lake.folder / name).rglob("*"))
            for name in folders
        }
        size.append((counts["values"] + counts["gaps"], files))
    assert size[0] == size[1] == size[2]
