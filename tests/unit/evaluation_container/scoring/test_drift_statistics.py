"""Statistics of a week compared with the months before, and the limits stored with a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from container_runtime.errors import DataError
from evaluation_container.drift import reference
from evaluation_container.drift.reference import OVERALL, Reference
from evaluation_container.scoring.drift_statistics import (
    DAY,
    LEAST_VALUES,
    TENTHS,
    WEEK,
    Hours,
    deciles,
    distance,
    missing,
    shares,
)
from forecast_format.series import Series

from contracts.models.forecast_input import CategoryIndex

_LEVELS = np.array([[1.0], [10.0], [100.0]])
USUAL = _LEVELS * np.random.default_rng(3).lognormal(sigma=0.5, size=(3, 60 * DAY))


def test_a_usual_week_has_a_small_distance_and_one_twice_as_high_a_large_one() -> None:
    week, before = USUAL[:, -WEEK:], USUAL[:, :-WEEK]
    assert distance(week, deciles(before)) < 0.06
    assert distance(2 * week, deciles(before)) > 0.4


def test_distance_is_the_kolmogorov_smirnov_statistic_at_the_deciles() -> None:
    week, before = 1.3 * USUAL[:1, -WEEK:], USUAL[:1, :-WEEK]
    usual = deciles(before)
    below = [(week[0] <= decile).mean() for decile in usual[0]]
    assert distance(week, usual) == pytest.approx(np.abs(np.array(below) - TENTHS).max())


def test_a_silent_device_does_not_affect_the_distance() -> None:
    week, usual = USUAL[:, -WEEK:].copy(), deciles(USUAL[:, :-WEEK])
    week[2] = np.nan  # by far the highest level
    assert distance(week, usual) < 0.08
    assert missing(week, usual) == pytest.approx(1 / 3)


def test_a_device_without_history_is_left_out() -> None:
    before = USUAL[:, :-WEEK].copy()
    before[0, LEAST_VALUES - 1 :] = np.nan
    usual = deciles(before)
    assert np.isnan(usual[0]).all()
    week = USUAL[:, -WEEK:].copy()
    week[0] = 1e9
    assert distance(week, usual) < 0.08
    assert missing(np.full_like(week, np.nan), usual) == 1


def test_ties_are_no_distance() -> None:
    constant = np.full((2, 30 * DAY), 5.0)
    assert distance(constant[:, -WEEK:], deciles(constant)) == 0
    assert distance(constant[:, -WEEK:] + 1, deciles(constant)) == pytest.approx(0.9)


def test_a_week_without_values_has_no_distance() -> None:
    nothing = np.full((2, WEEK), np.nan)
    assert np.isnan(distance(nothing, deciles(USUAL[:2])))
    assert np.isnan(missing(nothing, deciles(nothing)))


def test_shares_reflect_the_distribution_of_a_week() -> None:
    usual = deciles(USUAL)
    assert shares(USUAL, usual) == pytest.approx(TENTHS, abs=1e-3)
    assert shares(10 * USUAL, usual).max() < 0.05


def hours(**rows: np.ndarray) -> Hours:
    return {name: (("a", "b", "c")[: len(found)], found) for name, found in rows.items()}


def test_one_past_week_in_a_hundred_exceeds_a_limit() -> None:
    days, random = 400, np.random.default_rng(4)
    level = np.repeat(random.lognormal(sigma=0.3, size=days), DAY)
    rows = level * random.lognormal(sigma=0.3, size=(3, days * DAY))
    found = reference.of_input(hours(ozone=rows, carbon_monoxide=rows[:, ::-1]))
    beyond = []
    for stop in range(days, days - 330, -1):
        week = slice((stop - 7) * DAY, stop * DAY)
        before = slice(max(0, (stop - 7 - reference.REFERENCE_DAYS)) * DAY, (stop - 7) * DAY)
        ratios = [
            distance(one[:, week], deciles(one[:, before])) / found.distance[name]
            for name, one in (("ozone", rows), ("carbon_monoxide", rows[:, ::-1]))
        ]
        beyond.append(max(ratios) > 1)
    assert 0 < sum(beyond) <= 4


def test_a_limit_is_at_least_the_random_variation() -> None:
    found = reference.of_input(hours(ozone=np.full((2, 90 * DAY), 5.0)))
    assert found.distance["ozone"] == pytest.approx(0.126, abs=1e-3)
    assert found.missing["ozone"] == pytest.approx(1 / 24)


def test_a_lake_with_a_few_days_has_no_reference_yet() -> None:
    found = reference.of_input(hours(ozone=USUAL[:, : 12 * DAY]))
    assert (found.deciles, found.distance) == ({}, {})
    assert reference.of_input(hours(ozone=USUAL[:, : 20 * DAY])).distance["ozone"] > 0


def test_the_loss_limit_comes_from_weeks_of_judged_days() -> None:
    days = 28
    random = np.random.default_rng(5)
    losses = {"ozone": random.lognormal(sigma=0.4, size=days), "sulfur_dioxide": np.full(days, 0.2)}
    totals = {"ozone": np.full(days, 4.0), "sulfur_dioxide": np.ones(days)}
    judged = reference.with_losses(Reference({}, {}, {}), losses, totals)
    assert judged.loss["sulfur_dioxide"] == pytest.approx(0.2)
    assert judged.judged_loss["ozone"] == pytest.approx(
        losses["ozone"].sum() / totals["ozone"].sum()
    )
    assert judged.judged_loss[OVERALL] < judged.loss[OVERALL] < judged.loss["ozone"]


def test_a_pollutant_without_observed_values_has_no_loss() -> None:
    ones = np.ones(7)
    judged = reference.with_losses(
        Reference({}, {}, {}), {"ozone": ones, "lead": 0 * ones}, {"ozone": ones, "lead": 0 * ones}
    )
    assert set(judged.loss) == {"ozone", OVERALL}


def test_a_reference_survives_writing_and_reading(tmp_path: Path) -> None:
    found = reference.of_input(hours(ozone=USUAL))
    found.write(tmp_path)
    assert Reference.read(tmp_path) == found
    (tmp_path / reference.FILE).write_text('{"deciles": {}}')
    with pytest.raises(DataError, match="not a valid drift reference"):
        Reference.read(tmp_path)


def test_series_with_different_starts_and_ends_are_aligned() -> None:
    index = CategoryIndex(("a", "b"), ("ozone",))
    early = Series(pd.Period("2026-06-01 00:00", "h"), np.arange(4, dtype=np.float32), (0, 0))
    late = Series(pd.Period("2026-06-01 02:00", "h"), np.arange(4, dtype=np.float32), (1, 0))
    devices, rows = reference.by_pollutant([early, late], index)["ozone"]
    assert devices == ("a", "b")
    nan = np.nan
    assert rows == pytest.approx(
        np.array([[0, 1, 2, 3, nan, nan], [nan, nan, 0, 1, 2, 3]]), nan_ok=True
    )
