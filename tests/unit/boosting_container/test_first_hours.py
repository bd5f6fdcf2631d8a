"""The first hours are forecast as differences from the last value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from boosting_container import first_hours
from boosting_container.features import AREA, SIZE, Columns, table
from boosting_container.hyperparameters import Hyperparameters
from boosting_container.model import BASE_LEVELS, FIRST_HOURS, LATER, Frame, leads_of
from boosting_container.rows import rows_to_learn
from boosting_container.training import fit
from forecast_format.series import Series
from hypothesis import given
from hypothesis import strategies as st

HOURS = 60 * 24
START = pd.Period("2024-01-01", freq="h")
SMALL = Hyperparameters(
    "H", 24, folds=2, block_days=7, rounds=40, learning_rate=0.2, num_leaves=7,
    min_data_in_leaf=20, outer_num_leaves=7, outer_min_data_in_leaf=20, feature_fraction=0.5,
)  # fmt: skip


def walk(seed: int, hours: int = HOURS) -> Series:
    """Build a walk around a daily cycle, in which the last value says most about the next."""
    steps = np.random.default_rng(seed).normal(0, 0.15, hours)
    level = np.zeros(hours)
    for hour in range(1, hours):
        level[hour] = 0.98 * level[hour - 1] + steps[hour]
    cycle = 20 * (1 + 0.5 * np.sin(2 * np.pi * np.arange(hours) / 24))
    return Series(START, (cycle * np.exp(level)).astype(np.float32), (seed % 3, 0))


def first(series: Series, position: int) -> np.ndarray:
    found = table(series, Columns.of([series]), {"target": 1.0}, np.array([position]), 24)
    return found[0, :, : first_hours.COLUMNS]


def test_the_last_value_and_a_growing_size_are_the_first_columns():
    series = walk(1)
    found = first(series, 1000)
    assert (found[:, first_hours.LAST] == series.target[999]).all()
    size = found[:, first_hours.SIZE]
    np.testing.assert_allclose(size, size[0] * np.sqrt(np.arange(1, 25)), rtol=1e-5)


def test_larger_recent_changes_give_a_larger_size():
    calm = replace(walk(1), target=np.full(HOURS, 20, dtype=np.float32))
    restless = replace(calm, target=calm.target + np.float32(5) * (np.arange(HOURS) % 2))
    sizes = [first(one, 1000)[0, first_hours.SIZE] for one in (calm, restless)]
    assert sizes[1] > 2 * sizes[0] > 0


def test_changes_of_the_last_hours_and_of_past_days_are_features():
    random = np.random.default_rng(3)
    values, area = (random.gamma(2, 10, HOURS).astype(np.float32) for _ in range(2))
    series = Series(START, values, (0, 0), related={AREA: area})
    found = first(series, 1000)

    def has(expected: np.ndarray) -> bool:
        return any(np.allclose(column, expected, atol=1e-3) for column in found.T)

    assert has(np.full(24, values[999] - values[998]))
    assert has(np.full(24, values[999] - values[996:999].mean()))
    assert has(np.full(24, area[999] - area[998]))
    assert has(np.full(24, values[999] - area[999]))
    assert has(values[976:1000] - values[975]), "yesterday's change from the last value's hour"
    days = [
        values[1000 - 24 * day : 1024 - 24 * day] - values[999 - 24 * day] for day in range(1, 7)
    ]
    assert has(np.mean(days, axis=0))


@given(
    silent=st.sets(st.integers(0, 60)),
    position=st.integers(1, 400),
    level=st.sampled_from([0.0, 1e-6, 1.0, 1e4]),
)
def test_the_last_value_and_the_size_are_always_finite_and_the_size_is_positive(
    silent, position, level
):
    values = np.full(HOURS, level, dtype=np.float32)
    for back in silent:
        values[max(0, position - 1 - back)] = np.nan
    found = first(Series(START, values, (0, 0)), position)
    assert np.isfinite(found[:, [first_hours.LAST, first_hours.SIZE]]).all()
    assert (found[:, first_hours.SIZE] > 0).all()


@pytest.mark.parametrize("horizon", [1, 6, 7, 24, 48])
def test_every_lead_belongs_to_one_segment(horizon):
    leads = [*leads_of(FIRST_HOURS, horizon), *leads_of(LATER, horizon)]
    assert leads == list(range(1, horizon + 1))


def test_rows_of_a_segment_have_its_leads_from_all_hours_of_the_day():
    series = [walk(1), walk(2)]
    columns, scales = Columns.of(series), {one.cat: {"target": 1.0} for one in series}
    for segment, leads in ((FIRST_HOURS, range(1, 7)), (LATER, range(7, 25))):
        rows = rows_to_learn(series, columns, scales, SMALL, segment)
        assert set(rows.lead) == set(leads)
        features = Frame.of(segment, rows.features).features
        hours = {
            hour for column in features.T if set(column) == set(range(24)) for hour in set(column)
        }
        assert hours == set(range(24))
    assert np.gcd(SMALL.origin_hours, 24) == 1


def test_a_frame_turns_differences_and_shares_into_values():
    rows = np.zeros((2, first_hours.COLUMNS + 3), dtype=np.float32)
    rows[:, first_hours.LAST], rows[:, first_hours.SIZE] = [10, 20], [2, 4]
    rows[:, SIZE] = [3, 5]
    predicted = np.tile([1.0, -1.0], (2, 1))
    np.testing.assert_array_equal(
        Frame.of(FIRST_HOURS, rows).values(predicted), [[8, 12], [16, 24]]
    )
    np.testing.assert_array_equal(Frame.of(LATER, rows).values(predicted), [[-3, 3], [-5, 5]])
    assert Frame.of(LATER, rows).features.shape == (2, 3)


def test_the_first_hour_of_a_walk_is_better_than_its_last_value():
    series = [walk(seed) for seed in (1, 2, 3)]
    model, _ = fit([one.before(HOURS - 20 * 24, horizon=0) for one in series], SMALL)
    origins = range(HOURS - 20 * 24, HOURS - 24, 7)
    known = [one.before(origin, horizon=0) for one in series for origin in origins]
    actual = np.array([one.target[origin] for one in series for origin in origins])
    last = np.array([one.target[-1] for one in known])
    steps = np.concatenate([np.diff(one.target[: HOURS - 20 * 24]) for one in series])
    forecasts = model.forecast(known, 1)
    mine = np.array([one.quantiles(BASE_LEVELS)[:, 0] for one in forecasts])
    naive = np.clip(last[:, None] + np.quantile(steps, BASE_LEVELS), 0, None)

    def loss(forecast: np.ndarray) -> float:
        error = actual[:, None] - forecast
        return float((error * (np.array(BASE_LEVELS) - (error < 0))).mean())

    assert loss(mine) < loss(naive)


@pytest.mark.parametrize("horizon", [2, 30])
def test_other_horizons_are_forecast(horizon, tmp_path):
    series = [walk(1), walk(2)]
    model, _ = fit(series, replace(SMALL, prediction_length=horizon, rounds=5))
    model.save(tmp_path)
    (found,) = type(model).load(tmp_path).forecast([series[0]], 1)
    (same,) = model.forecast([series[0]], 1)
    assert found.values.shape[1] == horizon
    np.testing.assert_array_equal(found.values, same.values)
