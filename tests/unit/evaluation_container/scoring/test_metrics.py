"""Errors and baselines, compared with their definitions and with GluonTS."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from evaluation_container.scoring import baselines, metrics
from gluonts.evaluation import Evaluator
from gluonts.model.forecast import QuantileForecast

HOURS = 24


@pytest.fixture
def histories():
    random = np.random.default_rng(3)
    return random.gamma(2.0, 20.0, (5, 21 * 24))


@pytest.fixture
def forecasts(histories):
    return np.stack([baselines.persistence(history, HOURS) for history in histories])


@pytest.fixture
def actual():
    values = np.random.default_rng(4).gamma(2.0, 20.0, (5, HOURS))
    values[1, 3:9] = np.nan
    return values


def test_errors_agree_with_gluonts(histories, forecasts, actual):
    keys = [str(level) for level in metrics.LEVELS]
    start = pd.Period("2024-01-01", "h")
    evaluator = Evaluator(quantiles=keys, seasonality=24, num_workers=0)
    aggregate, by_series = evaluator(
        [
            pd.Series(
                np.concatenate([history, observed]),
                index=pd.period_range(start, periods=len(history) + HOURS, freq="h"),
            )
            for history, observed in zip(histories, actual, strict=True)
        ],
        [
            QuantileForecast(
                forecast_arrays=forecast.T, forecast_keys=keys, start_date=start + len(history)
            )
            for history, forecast in zip(histories, forecasts, strict=True)
        ],
    )
    scales = np.array([metrics.naive_scale(history) for history in histories])
    found = metrics.errors(actual, forecasts, scales)
    assert found.weighted_quantile_loss == pytest.approx(aggregate["mean_wQuantileLoss"])
    assert found.normalized_deviation == pytest.approx(aggregate["ND"])
    assert found.mean_absolute_scaled_error == pytest.approx(by_series["MASE"].mean())
    below_90, below_10 = aggregate["Coverage[0.9]"], aggregate["Coverage[0.1]"]
    assert found.coverage_80 == pytest.approx(below_90 - below_10, abs=0.02)


def test_a_perfect_forecast_has_no_error(actual):
    forecast = np.repeat(actual[..., None], 9, axis=-1)
    found = metrics.errors(actual, forecast, np.ones(5))
    assert (found.weighted_quantile_loss, found.normalized_deviation) == (0, 0)
    assert (found.mean_absolute_scaled_error, found.coverage_80) == (0, 1)


def test_missing_values_are_ignored(forecasts, actual):
    other = np.where(np.isnan(actual)[..., None], 1e9, forecasts)
    assert metrics.errors(actual, other, np.ones(5)) == metrics.errors(
        actual, forecasts, np.ones(5)
    )


def test_a_series_without_a_scale_is_left_out_of_mase(forecasts, actual):
    with_all = metrics.errors(actual[1:], forecasts[1:], np.ones(4))
    scales = np.array([np.nan, 1, 1, 1, 1])
    assert metrics.errors(actual, forecasts, scales).mean_absolute_scaled_error == pytest.approx(
        with_all.mean_absolute_scaled_error
    )


def test_errors_need_an_observed_value(forecasts):
    with pytest.raises(ValueError, match="no value other than zero was observed"):
        metrics.errors(np.full((5, HOURS), np.nan), forecasts, np.ones(5))


def test_the_naive_scale_is_the_mean_change_between_days():
    days = np.concatenate([np.full(24, 10.0), np.full(24, 13.0), np.full(24, 12.0)])
    assert metrics.naive_scale(days) == pytest.approx((3 + 1) / 2)
    assert np.isnan(metrics.naive_scale(days[:24]))


def test_the_mean_of_groups_gives_each_the_same_weight():
    low, high = metrics.Errors(0.2, 0.4, 1.0, 0.8), metrics.Errors(0.4, 0.6, 2.0, 0.6)
    mean = dataclasses.astuple(metrics.mean_errors([low, high]))
    assert mean == pytest.approx((0.3, 0.5, 1.5, 0.7))


def test_persistence_starts_from_the_last_observed_value():
    history = np.concatenate([np.tile([5.0, 5.0, 5.0], 40), [7.0, np.nan]])
    median = baselines.persistence(history, HOURS)[:, metrics.MEDIAN]
    np.testing.assert_array_equal(median, np.full(HOURS, 7.0))


def test_persistence_uses_the_quantiles_of_past_changes_over_the_same_lead():
    walk = np.cumsum(np.random.default_rng(5).normal(size=5000)) + 1000
    spread = np.ptp(baselines.persistence(walk, HOURS), axis=1)
    assert spread[0] < spread[5] < spread[23]
    changes = walk[6:] - walk[:-6]
    np.testing.assert_allclose(
        baselines.persistence(walk, HOURS)[5], walk[-1] + np.quantile(changes, metrics.LEVELS)
    )


def test_the_seasonal_naive_forecast_is_yesterday_or_the_last_day_that_has_the_hour():
    day = np.arange(24.0)
    history = np.concatenate([day + 10, day + 10, day + 10])
    history[-24 + 5] = np.nan  # yesterday at five is missing
    median = baselines.daily_seasonal_naive(history, HOURS)[:, metrics.MEDIAN]
    np.testing.assert_array_equal(median, day + 10)


def test_the_seasonal_naive_forecast_is_aligned_with_the_end_of_the_history():
    series = np.tile(np.arange(24.0), 4)[7:-3]  # the next hour is the 21st of its day
    median = baselines.daily_seasonal_naive(series, HOURS)[:, metrics.MEDIAN]
    np.testing.assert_array_equal(median, np.roll(np.arange(24.0), 3))


@pytest.mark.parametrize("baseline", baselines.BASELINES.values())
def test_quantiles_of_baselines_are_ordered_and_not_negative(baseline, histories):
    forecast = baseline(histories[0], HOURS)
    assert forecast.shape == (HOURS, 9)
    assert (forecast >= 0).all()
    assert (np.diff(forecast, axis=1) >= 0).all()


@pytest.mark.parametrize("baseline", baselines.BASELINES.values())
def test_baselines_accept_short_histories_and_reject_empty_ones(baseline):
    assert np.isfinite(baseline(np.array([3.0]), HOURS)).all()
    with pytest.raises(ValueError, match="nothing was observed"):
        baseline(np.full(48, np.nan), HOURS)
