"""Tests the folders of an arrival window: all existing ones, as few as possible, none outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.lake.locations import arrival_prefix
from glue_jobs.lake.folders import arrival_folders

ROOT = "s3://raw/telemetry/"


class Tree:
    """Folders above some hours, with the number of listings."""

    def __init__(self, hours: list[str]) -> None:
        self.hours = hours
        self.listed = 0

    def __call__(self, folder: str) -> list[str]:
        self.listed += 1
        below = [f"{ROOT}{hour}" for hour in self.hours]
        return list({p.removeprefix(folder).split("/")[0] for p in below if p.startswith(folder)})


def hours(start: datetime, count: int) -> list[str]:
    return [arrival_prefix(start + timedelta(hours=hour)) for hour in range(count)]


JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def test_whole_days_months_and_years_are_one_folder() -> None:
    tree = Tree(hours(JUNE - timedelta(hours=2), 24 * 33))
    found = arrival_folders(tree, ROOT, JUNE - timedelta(hours=1), JUNE + timedelta(days=31))
    assert found == [f"{ROOT}2026/05/31/23/", f"{ROOT}2026/06/", f"{ROOT}2026/07/01/"]
    assert tree.listed <= 5


def test_partly_covered_hours_are_included_completely() -> None:
    half = timedelta(minutes=30)
    found = arrival_folders(Tree(hours(JUNE, 24)), ROOT, JUNE + half, JUNE + 3 * half)
    assert found == [f"{ROOT}2026/06/01/00/", f"{ROOT}2026/06/01/01/"]


def test_folders_that_are_not_arrival_times_are_ignored() -> None:
    tree = Tree(["_temporary/1/2/3/", "2026/13/01/00/", "2026/06/31/00/", "2026/06/01/05/"])
    found = arrival_folders(tree, ROOT, JUNE, JUNE + timedelta(hours=9))
    assert found == [f"{ROOT}2026/06/01/05/"]


def test_an_empty_root_has_no_folders() -> None:
    assert arrival_folders(Tree([]), ROOT, JUNE, JUNE + timedelta(days=9)) == []


moments = st.integers(0, 24 * 800).map(lambda hour: JUNE + timedelta(hours=hour))


@given(st.sets(moments, max_size=30), moments, st.integers(1, 24 * 500))
def test_the_folders_contain_exactly_the_hours_of_the_window(
    there: set[datetime], start: datetime, length: int
) -> None:
    end = start + timedelta(hours=length)
    found = arrival_folders(Tree([arrival_prefix(hour) for hour in there]), ROOT, start, end)
    covered = {
        hour for hour in there if any(f"{ROOT}{arrival_prefix(hour)}".startswith(f) for f in found)
    }
    assert covered == {hour for hour in there if start <= hour < end}
