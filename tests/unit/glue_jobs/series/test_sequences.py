"""Tests that any arrivals and any order of runs give the result of one full run."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.glue.series_lake import DEVICES, HOUR, START, Lake, Reading, reference


def some_readings(chance: random.Random, days: range) -> list[Reading]:
    """Return a few hours of one device, with values whose means are exact."""
    device = chance.choice(DEVICES)
    first = START + timedelta(days=chance.choice(days), hours=chance.randrange(24))
    return [
        (device, first + n * timedelta(minutes=30), chance.choice([None, 1.0, 2.0, 4.0, 8.0]))
        for n in range(chance.randint(1, 6))
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_any_sequence_of_runs_gives_the_result_of_a_full_run(tmp_path: Path, seed: int) -> None:
    """Arrivals in any order of days, with repeated and omitted runs, and after a compaction."""
    lake, chance = Lake(tmp_path), random.Random(seed)
    lake.arrive([("ash", START + n * HOUR, 2.0) for n in range(40)])
    for step in range(3):
        for _ in range(chance.randint(0 if step else 1, 2)):
            lake.arrive(some_readings(chance, range(0 if step else 2, 7)))
        if chance.random() < 0.3:
            lake.compact()
        lake.run()
        assert lake.series() == reference(lake.readings), step
    index = tmp_path / "full-channels/categories.json"
    index.parent.mkdir()
    index.write_text((tmp_path / "channels/categories.json").read_text())  # the index only grows
    lake.run("--full", "true", into="full-")
    assert lake.series("full-") == lake.series()
    for table in ("channels", "recent"):
        assert lake.written(table) == lake.written(f"full-{table}")
