"""Tests of the steps of the demo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from contracts.recordings.errors import RecordingError
from localcloud.cloud.home import CloudConfig
from localcloud.demo import walkthrough
from localcloud.demo.recorded import Recorded


class Counts:
    """Counts of readings in an estate, without an estate."""

    def __init__(self, rows: int, identities: int, quarantined: dict[str, int]) -> None:
        self._readings = (rows, identities)
        self._quarantined = quarantined

    def readings(self) -> tuple[int, int]:
        return self._readings

    def quarantined(self) -> dict[str, int]:
        return self._quarantined


SENT = {"messages_sent": 10, "broken_sent": 1}


def test_a_complete_lake_is_reported() -> None:
    line = walkthrough._lake(Counts(10, 10, {"not_json": 1}), SENT)
    assert line == "10 readings = messages sent; quarantined: 1 not_json"


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (Counts(9, 9, {"not_json": 1}), "expected 10 readings in the lake, each once; got 9 rows"),
        (Counts(11, 10, {"not_json": 1}), "got 11 rows with 10 identities"),
        (Counts(10, 10, {}), "expected 1 messages in quarantine"),
    ],
)
def test_a_lost_or_duplicate_message_ends_the_demo(counts: Counts, reason: str) -> None:
    with pytest.raises(walkthrough.DemoError, match=reason):
        walkthrough._lake(counts, SENT)


def test_the_last_line_is_the_result_of_a_verb_not_the_suggested_next_one() -> None:
    assert walkthrough._last_line("one\ncompleted\n\nnext: make deploy\n") == "completed"


def test_additions_of_all_stacks_are_summed() -> None:
    output = "Plan: 49 to add, 0 to change\nPlan: 19 to add, 0 to change\nNo changes."
    assert walkthrough._plan_line(output) == "68 resources to add"


def test_the_home_folder_of_an_earlier_demo_is_removed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "demo").mkdir(parents=True)
    walkthrough._fresh(CloudConfig(home=home), Console(quiet=True))
    assert list(tmp_path.iterdir()) == []


def test_the_home_folder_of_a_user_is_renamed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "state").mkdir(parents=True)
    walkthrough._fresh(CloudConfig(home=home), Console(quiet=True))
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("home.kept-")
    assert (kept / "state").is_dir()


def test_a_second_demo_in_one_home_is_refused(tmp_path: Path) -> None:
    with (
        walkthrough._only_one(tmp_path / "home"),
        pytest.raises(walkthrough.DemoError, match="another demo runs"),
        walkthrough._only_one(tmp_path / "home"),
    ):
        pass


@pytest.mark.parametrize(
    ("last", "cut"),
    [
        ("2026-11-27T05:59:12Z", "2026-11-20T06:00:00Z"),
        ("2026-11-27T23:00:00Z", "2026-11-21T00:00:00Z"),
    ],
)
def test_training_ends_seven_days_before_the_hour_after_the_last_reading(
    last: str, cut: str
) -> None:
    assert walkthrough._cut({"last": last}) == cut


def test_a_demo_of_so_few_days_that_none_is_left_to_train_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(walkthrough.DemoError, match=r"more than 7 days, .* got DAYS=7"):
        walkthrough.walk(CloudConfig(home=tmp_path / "home"), None, 7)


def recorded(folder: Path, hours: int) -> Path:
    """Write the file of a station in the format of London's networks."""
    times = (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(hours))
    rows = "".join(f"{time:%Y-%m-%d %H:%M},5\n" for time in times)
    (folder / "my1.csv").write_text(f"date,no2\n{rows}")
    (folder / "stations.csv").write_text("station,longitude,latitude\nmy1,1,2\n")
    return folder


def test_recorded_files_are_checked_before_anything_is_started(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for columns, message in (
        (None, r"readings of more than 8 days.*got 7\.0 days"),
        ("openaq", r"my1\.csv: expected a header with the time's columns \(datetime\)"),
    ):
        data = Recorded(recorded(tmp_path, 7 * 24 + 1), columns)
        with pytest.raises(RecordingError, match=message):
            walkthrough.walk(CloudConfig(home=home), data, None)
    assert not home.exists()


def test_recorded_files_of_any_map_can_be_shown(tmp_path: Path) -> None:
    data = Recorded(recorded(tmp_path, 9 * 24), None)
    data.check(timedelta(days=8))
    assert data.options() == [f"DATA={tmp_path}"]
    assert Recorded(tmp_path, "london").options() == [f"DATA={tmp_path}", "COLUMNS=london"]
    (tmp_path / "stations.csv").unlink()
    with pytest.raises(RecordingError, match=r"stations\.csv is missing"):
        data.check(timedelta(days=8))


def test_the_demos_own_options_reach_no_other_verb(monkeypatch):
    own = {"MAKEFLAGS", "MAKELEVEL", "LAKECAST_COLUMNS", "LAKECAST_DAYS"}
    for name in (*own, "LAKECAST_TERRAFORM"):
        monkeypatch.setenv(name, "x")
    given = walkthrough._surroundings(100)
    assert not own & given.keys()
    assert given["LAKECAST_TERRAFORM"] == "x"
