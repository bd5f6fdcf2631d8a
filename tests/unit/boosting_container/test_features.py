"""Features use only past values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from boosting_container.features import AREA, LEAST_SIZE, SIZE, Columns, table
from forecast_format.series import Series

HOURS = 70 * 24
POSITION = 40 * 24
SCALES = {"target": 1.0}


@pytest.fixture(scope="module")
def series():
    random = np.random.default_rng(1)
    cycle = 30 + 20 * np.sin(2 * np.pi * np.arange(HOURS) / 24)
    target, area, wind = (np.float32(cycle + random.normal(0, 3, HOURS)) for _ in range(3))
    dynamic = np.stack([np.arange(HOURS + 24, dtype=np.float32)])
    start = pd.Period("2024-01-01", freq="h")
    return Series(start, target, (0, 0), dynamic, {AREA: area, "wind": wind})


def features(series, position=POSITION, columns=None):
    columns = columns or Columns.of([series])
    return table(series, columns, SCALES, np.array([position]), 24)[0]


def test_no_feature_depends_on_the_target_or_related_series_from_the_origin_on(series):
    def spoiled(values):
        return np.where(np.arange(len(values)) < POSITION, values, 1e6).astype(np.float32)

    related = {name: spoiled(values) for name, values in series.related.items()}
    other = replace(series, target=spoiled(series.target), related=related)
    np.testing.assert_array_equal(features(series), features(other))


def test_an_instance_that_ends_at_the_origin_gives_the_same_features(series):
    related = {name: values[:POSITION] for name, values in series.related.items()}
    dynamic = series.dynamic_feat[:, : POSITION + 24]
    cut = replace(series, target=series.target[:POSITION], related=related, dynamic_feat=dynamic)
    np.testing.assert_array_equal(features(series), features(cut))


def test_the_hour_before_the_origin_is_the_last_value(series):
    assert (features(series)[:, SIZE + 1] == series.target[POSITION - 1]).all()


@pytest.mark.parametrize("name", ["target", AREA])
def test_each_lead_has_its_own_hour_of_the_day_before(series, name):
    values = series.target if name == "target" else series.related[name]
    yesterday = values[POSITION - 24 : POSITION]
    assert any(np.array_equal(column, yesterday) for column in features(series).T)


def test_each_lead_has_the_values_known_in_advance(series):
    ahead = np.arange(POSITION, POSITION + 24)
    assert any(np.array_equal(column, ahead) for column in features(series).T)
    assert any(np.allclose(column, ahead - 11.5) for column in features(series).T)


def test_each_lead_has_the_difference_from_the_origin_and_the_mean_until_then(series):
    known = np.sqrt(np.arange(HOURS + 24, dtype=np.float32))
    columns = features(replace(series, dynamic_feat=known[None])).T
    ahead, now = known[POSITION : POSITION + 24], known[POSITION - 1]
    until_then = np.cumsum(ahead) / np.arange(1, 25)
    for expected in (ahead - now, until_then):
        assert any(np.allclose(column, expected, atol=1e-3) for column in columns)


def test_recent_changes_are_features(series):
    for name, values in {"target": series.target, **series.related}.items():
        change = values[POSITION - 1] - values[POSITION - 26 : POSITION - 23].mean()
        assert np.isclose(features(series)[0], change, atol=1e-4).any(), name


def test_hours_before_the_data_are_missing_values(series):
    early = features(series, 30)[0]
    assert np.isfinite(early[SIZE + 1])
    assert np.isnan(early).any()


def test_an_instance_without_related_series_has_missing_values_in_the_same_columns(series):
    columns = Columns.of([series])
    bare = replace(series, related={}, dynamic_feat=np.empty((0, 0), np.float32))
    full, less = features(series), features(bare, columns=columns)
    assert full.shape == less.shape
    there = np.isfinite(less).all(axis=0)
    np.testing.assert_array_equal(full[:, there], less[:, there])
    assert not there.all()


def test_related_series_that_are_shorter_end_with_the_target(series):
    shorter = replace(series, related={**series.related, "wind": series.related["wind"][-800:]})
    last = features(shorter, HOURS, Columns((AREA, "wind"), 1))
    assert (last == series.related["wind"][-1]).any()


def test_the_size_of_the_values_is_their_level_as_far_as_it_is_known(series):
    def size(target: np.ndarray) -> float:
        return float(features(replace(series, target=target), HOURS)[0, SIZE])

    twos = np.full(HOURS, 2.0, dtype=np.float32)
    new, silent = twos.copy(), twos.copy()
    new[:-48] = np.nan
    silent[-48:] = np.nan
    for target in (twos, -twos, new, silent):
        assert size(target) == pytest.approx(2 + LEAST_SIZE)
    assert size(0 * twos) == pytest.approx(LEAST_SIZE)
    assert size(np.nan * twos) == pytest.approx(1 + LEAST_SIZE)
    higher = twos.copy()
    higher[-24:] = 4
    assert size(twos) < size(higher) < size(2 * twos)
