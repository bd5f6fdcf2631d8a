"""Calibrated quantiles have their nominal shares, at every size of the forecast."""

from __future__ import annotations

import numpy as np
import pytest
from boosting_container.calibration import LEVELS, MIN_HELD_OUT, SIZES, Calibration, Factors


def test_bands_that_are_too_narrow_are_widened_to_their_share():
    random = np.random.default_rng(2)
    median = random.uniform(10, 20, 20_000)
    base = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    forecast = median[:, None] + np.array([-0.5, -0.2, 0, 0.2, 0.5])
    leads = random.integers(1, 25, len(median))
    actual = median + random.normal(0, 1 + leads / 24, len(median))
    half = len(median) // 2
    calibration = Calibration.learn(base, forecast[:half], actual[:half], leads[:half])
    kept = Calibration.from_json(calibration.to_json())
    found = kept.apply(forecast[half:], leads[half:])
    share = (actual[half:, None] <= found).mean(axis=0)
    np.testing.assert_allclose(share, LEVELS, atol=0.02)


def test_quantiles_do_not_change_with_too_few_values_for_calibration():
    base = np.array([0.1, 0.5, 0.9])
    forecast = np.array([[1.0, 2.0, 4.0]])
    calibration = Calibration.learn(base, forecast, np.array([9.0]), np.array([1]))
    found = calibration.apply(forecast, np.array([1]))[0]
    np.testing.assert_allclose(found[np.isin(LEVELS, base)], forecast[0])


@pytest.mark.parametrize("least", [15, 40])
def test_low_and_high_forecasts_each_have_their_shares(least):
    """The spread of the values does not grow with the median as the model believes."""
    random = np.random.default_rng(4)
    median = random.uniform(least, 50, 40_000)
    base = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    forecast = median[:, None] * (1 + np.array([-0.2, -0.1, 0, 0.1, 0.2]))
    actual = median + random.normal(0, 4, len(median))
    leads = np.full(len(median), 9)
    half = len(median) // 2
    calibration = Calibration.learn(base, forecast[:half], actual[:half], leads[:half])
    found = calibration.apply(forecast[half:], leads[half:])
    is_inside = (found[:, LEVELS == 0.1] <= actual[half:, None]) & (
        actual[half:, None] <= found[:, LEVELS == 0.9]
    )
    for part in np.array_split(np.argsort(median[half:]), SIZES):
        assert is_inside[part].mean() == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize("held_out", [MIN_HELD_OUT, 3 * MIN_HELD_OUT, 100 * MIN_HELD_OUT])
def test_factors_are_interpolated_between_sizes_and_constant_beyond(held_out):
    median = np.linspace(1, 2, held_out)
    ratio = np.tile(median[:, None], len(LEVELS))
    factors = Factors.learn(median, ratio)
    assert len(factors.medians) == min(SIZES, held_out // MIN_HELD_OUT)
    found = factors.at(np.array([-9.0, *factors.medians, 99.0]))
    np.testing.assert_array_equal(found[1:-1], factors.values)
    np.testing.assert_array_equal(found[[0, -1]], factors.values[[0, -1]])
    for one in factors.at(np.linspace(0, 3, 50)).T:
        assert (np.diff(one) >= 0).all()


def test_equal_medians_have_factors():
    factors = Factors.learn(np.zeros(9 * MIN_HELD_OUT), np.ones((9 * MIN_HELD_OUT, len(LEVELS))))
    np.testing.assert_allclose(factors.at(np.array([-1.0, 0.0, 1.0])), 1)
