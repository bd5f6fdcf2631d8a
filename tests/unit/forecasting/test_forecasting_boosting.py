"""Boosting sees only the past, keeps to what is possible, and its bands hold what they promise."""

# ruff: noqa: DTZ001  (the histories are in local time without a zone)
from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from forecasting import boosting_features
from forecasting.boosting import Boosting, BoostingSettings
from forecasting.boosting_features import LOOK_BACK, PastOfAll, every_lead
from forecasting.calibration import Calibration
from forecasting.errors import ForecastingError
from forecasting.forecasters import BAND_LEVELS
from forecasting.history import COLUMNS, TARGETS, History
from forecasting.naive_forecasters import Persistence

START = datetime(2024, 1, 1)
DAYS = 70
SMALL = BoostingSettings(
    folds=2,
    block_days=7,
    outer_trees={},
    rounds=30,
    trees={"learning_rate": 0.2, "num_leaves": 7, "min_data_in_leaf": 20, "feature_fraction": 0.5},
)


def made_up(days=DAYS, stations=2, seed=1):
    """A daily cycle with noise, positive."""
    hours = np.arange(days * 24)
    cycle = 30 + 20 * np.sin(2 * np.pi * hours / 24)
    noise = np.random.default_rng(seed).normal(0, 3, (stations, len(COLUMNS), len(hours)))
    return History(START, tuple(f"s{n}" for n in range(stations)), np.abs(cycle + noise))


def with_values(history, change):
    values = history.values.copy()
    change(values)
    return replace(history, values=values)


def fitted(history, seed=1):
    model = Boosting(seed, SMALL)
    model.fit(history, lambda _: None)
    return model


@pytest.fixture(scope="module")
def history():
    return made_up()


@pytest.fixture(scope="module")
def model(history):
    return fitted(history)


def rows(history, position, target="O3"):
    scales = np.ones(history.values.shape[:2])
    past = PastOfAll.before(history, np.array([position]), scales)
    return past.rows(target, every_lead(1))


def test_no_feature_depends_on_the_origin_or_what_follows_it(history):
    position = 40 * 24

    def spoil(values):
        values[:, :, position:] = 1e6

    np.testing.assert_array_equal(
        rows(history, position), rows(with_values(history, spoil), position)
    )


def test_the_hour_before_the_origin_is_the_last_value(history):
    position = 40 * 24
    found = rows(history, position)[:, 0, 0, 0]
    np.testing.assert_allclose(found, history.of("O3")[:, position - 1], rtol=1e-6)


def test_each_lead_finds_its_own_hour_of_the_day_before(history):
    position = 40 * 24
    yesterday = history.of("O3")[0, position - 24 : position]
    own = rows(history, position)[0, 0]
    candidates = [
        column for column in own.T if np.allclose(column, yesterday, rtol=1e-6, equal_nan=True)
    ]
    assert candidates


def test_hours_before_the_data_are_missing_not_wrong(history):
    early = rows(history, 30)[0, 0, 0]
    assert np.isfinite(early[0])
    assert np.isnan(early).any()


def test_a_station_without_a_pollutant_is_scaled_as_the_others(history):
    def forget(values):
        values[0, 0] = np.nan

    scales = boosting_features.scales_of(with_values(history, forget))
    assert scales[0, 0] == pytest.approx(scales[1, 0])
    assert (scales[:, COLUMNS.index("TEMP")] == 1).all()


def test_bands_that_are_too_narrow_are_widened_to_their_share():
    random = np.random.default_rng(2)
    median = random.uniform(10, 20, 20_000)
    base = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    told = median[:, None] + np.array([-0.5, -0.2, 0, 0.2, 0.5])
    leads = random.integers(1, 25, len(median))
    came = median + random.normal(0, 1 + leads / 24, len(median))
    half = len(median) // 2
    calibration = Calibration.learn(base, told[:half], came[:half], leads[:half])
    found = calibration.apply(told[half:], leads[half:])
    share = (came[half:, None] <= found).mean(axis=0)
    np.testing.assert_allclose(share, BAND_LEVELS, atol=0.02)


def test_with_too_few_values_to_learn_from_quantiles_stay():
    base = np.array([0.1, 0.5, 0.9])
    told = np.array([[1.0, 2.0, 4.0]])
    calibration = Calibration.learn(base, told, np.array([9.0]), np.array([1]))
    found = calibration.apply(told, np.array([1]))[0]
    np.testing.assert_allclose(found[np.isin(BAND_LEVELS, base)], told[0])


def test_boosting_learns_a_daily_cycle_that_persistence_does_not_see(history, model):
    naive = Persistence()
    naive.fit(history, lambda _: None)
    came = made_up(DAYS + 1).targets()[:, :, -24:]
    middle = int(np.flatnonzero(BAND_LEVELS == 0.5)[0])
    errors = [np.abs(one.predict(history)[..., middle] - came).mean() for one in (model, naive)]
    assert errors[0] < errors[1] / 2


def test_a_seed_makes_forecasts_the_same_bit_for_bit(history, model):
    np.testing.assert_array_equal(model.predict(history), fitted(history).predict(history))
    assert (model.predict(history) != fitted(history, seed=2).predict(history)).any()


def test_forecasts_are_ordered_finite_and_not_negative_whatever_is_missing(history, model):
    def break_off(values):
        values[0, :, -30 * 24 :] = np.nan  # a station that went silent
        values[1, 0, -300:] = np.nan
        values[1, 1] = 0.0

    found = model.predict(with_values(history, break_off))
    assert found.shape == (2, len(TARGETS), 24, len(BAND_LEVELS))
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (np.diff(found, axis=-1) >= 0).all()


def test_a_pollutant_that_was_never_measured_is_forecast_as_none(history):
    def forget(values):
        values[:, TARGETS.index("SO2")] = np.nan

    unmeasured = with_values(history, forget)
    found = fitted(unmeasured).predict(unmeasured)
    assert (found[:, TARGETS.index("SO2")] == 0).all()
    assert (found[:, TARGETS.index("O3")] > 0).any()


def test_too_short_a_history_is_refused_with_what_is_needed(history):
    short = history.until(datetime(2024, 1, 1 + LOOK_BACK // 24 + 2))
    with pytest.raises(ForecastingError, match="needs 56 days"):
        fitted(short)
