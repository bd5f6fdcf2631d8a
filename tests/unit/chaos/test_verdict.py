"""The verdict of `make chaos` finds every error in the lake, and nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.recordings import record
from tests.chaos.verdict import Verdict, judge

READINGS = 30


@pytest.fixture
def expected(tmp_path: Path) -> dict[tuple[str, str, int], float]:
    recorded = record(tmp_path / "recordings", 3, READINGS, random.Random(1))
    return {key: value for one in recorded for key, value in one.ozone.items()}


def lake(readings: dict[tuple[str, str, int], float]) -> list[dict[str, str]]:
    return [
        {"device_id": device, "boot_id": boot, "sequence": str(sequence), "ozone": str(ozone)}
        for (device, boot, sequence), ozone in readings.items()
    ]


def test_every_reading_has_a_unique_identity(expected) -> None:
    assert len(expected) == READINGS
    assert len({boot for _, boot, _ in expected}) == 3


def test_a_lake_with_each_reading_once_is_clean(expected) -> None:
    verdict = judge(expected, reversed(lake(expected)))
    assert verdict == Verdict(sent=READINGS, lost=0, doubled=0, changed=0, invented=0)
    assert verdict.is_clean


def test_every_error_is_found_and_counted(expected) -> None:
    rows = lake(expected)
    lost, doubled, changed = rows[0], rows[1], rows[2]
    changed["ozone"] = "0.0"
    foreign = {**rows[3], "boot_id": "another"}
    rows = [one for one in rows if one is not lost] + [doubled, doubled, foreign]
    verdict = judge(expected, rows)
    assert verdict == Verdict(sent=READINGS, lost=1, doubled=2, changed=1, invented=1)
    assert not verdict.is_clean
