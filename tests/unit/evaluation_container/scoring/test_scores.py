"""Scores over many origins: by pollutant, lead, level and series, and their HTML page."""

# ruff: noqa: DTZ001  (origins have no zone)
from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from evaluation_container.pages.examples import KINDS, examples
from evaluation_container.pages.forecast_report import Report
from evaluation_container.scoring import metrics
from evaluation_container.scoring.scores import (
    OVERALL,
    Truth,
    loss_by_lead,
    loss_by_series,
    losses_by_lead,
    scores,
    scores_by_hour,
    share_below,
)
from gluonts.evaluation import Evaluator
from gluonts.model.forecast import QuantileForecast

LEVELS = np.array([0.025, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.975])
ORIGINS = [datetime(2024, 5, 1) + timedelta(days=day) for day in range(30)]
PAST = 30 * 24


@pytest.fixture
def truth():
    random = np.random.default_rng(1)
    actual = random.gamma(2.0, 10.0, (4, len(ORIGINS), 24))
    actual[1, 3, 5:11] = np.nan
    actual[2, 7] = np.nan
    return Truth(
        stations=("Hill", "Hill", "Quay", "Quay"),
        pollutants=("O3", "CO", "O3", "CO"),
        origins=ORIGINS,
        actual=actual,
        before=random.gamma(2.0, 10.0, (4, len(ORIGINS), 48)),
        scales=np.array([9.0, 10.0, 11.0, 12.0]),
        levels=LEVELS,
    )


@pytest.fixture
def forecast(truth):
    """Return the quantiles of the values' own distribution: the best possible forecast."""
    drawn = np.random.default_rng(2).gamma(2.0, 10.0, 200_000)
    return np.broadcast_to(np.quantile(drawn, LEVELS), (*truth.actual.shape, len(LEVELS)))


def test_scores_agree_with_gluonts(truth, forecast):
    keys = [str(level) for level in LEVELS]
    actual, forecasts = [], []
    mine = truth.series_of("CO")
    for series in mine:
        for number, origin in enumerate(ORIGINS):
            start = pd.Period(origin, "h")
            values = np.concatenate([np.ones(48), truth.actual[series, number]])
            index = pd.period_range(start - 48, periods=72, freq="h")
            actual.append(pd.Series(values, index=index))
            arrays = forecast[series, number].T
            forecasts.append(
                QuantileForecast(forecast_arrays=arrays, forecast_keys=keys, start_date=start)
            )
    published = [str(level) for level in metrics.LEVELS]
    aggregate, _ = Evaluator(quantiles=published, num_workers=0)(actual, forecasts)
    found = scores(truth, forecast)["CO"].errors
    assert found.weighted_quantile_loss == pytest.approx(aggregate["mean_wQuantileLoss"])
    assert found.normalized_deviation == pytest.approx(aggregate["ND"])


def test_overall_is_the_plain_mean_of_the_pollutants(truth, forecast):
    found = scores(truth, forecast)
    losses = [found[pollutant].errors.weighted_quantile_loss for pollutant in ("O3", "CO")]
    assert found[OVERALL].errors.weighted_quantile_loss == pytest.approx(np.mean(losses))


def test_a_band_covers_the_values_between_its_quantiles(truth):
    around = np.where(LEVELS < 0.1, -1.0, np.where(LEVELS > 0.9, 1.0, 5.0))
    found = scores(truth, truth.actual[..., None] + around)
    assert found[OVERALL].coverage == {50: 0.0, 80: 0.0, 95: 1.0}


def test_bands_that_were_not_forecast_are_left_out(truth, forecast):
    published = replace(truth, levels=metrics.LEVELS)
    found = scores(published, truth.published(forecast))
    assert list(found[OVERALL].coverage) == [80]
    assert found[OVERALL].errors == scores(truth, forecast)[OVERALL].errors


def test_a_pollutant_without_observed_values_is_left_out(truth, forecast):
    truth.actual[truth.series_of("O3")] = np.nan
    assert list(scores(truth, forecast)) == ["CO", OVERALL]
    truth.actual[:] = np.nan
    with pytest.raises(ValueError, match="no value other than zero was observed"):
        scores(truth, forecast)


def test_an_error_at_one_lead_affects_only_that_lead(truth, forecast):
    worse = forecast.copy()
    worse[:, :, 6] += 50
    changed = loss_by_lead(truth, worse) - loss_by_lead(truth, forecast)
    assert np.flatnonzero(changed > 1e-9).tolist() == [6]


def test_losses_by_lead_are_those_of_each_pollutants_values_at_the_lead(truth, forecast):
    found = losses_by_lead(truth, forecast)
    assert list(found) == ["O3", "CO", OVERALL]
    for pollutant in ("O3", "CO"):
        alone = scores(
            truth.of_series(truth.series_of(pollutant)).at_leads(7, 7),
            forecast[truth.series_of(pollutant), :, 6:7],
        )
        assert found[pollutant][6] == pytest.approx(alone[pollutant].errors.weighted_quantile_loss)
    np.testing.assert_allclose(found[OVERALL], (found["O3"] + found["CO"]) / 2)


def test_a_lead_without_observed_values_has_no_loss(truth, forecast):
    truth.actual[:, :, 4] = np.nan
    truth.actual[truth.series_of("O3"), :, 5] = np.nan
    found = losses_by_lead(truth, forecast)
    assert np.flatnonzero(np.isnan(found[OVERALL])).tolist() == [4]
    assert np.flatnonzero(np.isnan(found["O3"])).tolist() == [4, 5]


def test_scores_by_hour_are_those_of_the_origins_at_the_hour(truth, forecast):
    hours = [datetime(2024, 5, 1) + timedelta(hours=30 * number) for number in range(30)]
    spread = replace(truth, origins=hours)
    assert {hour: len(places) for hour, places in spread.hours().items()} == {
        0: 8, 6: 8, 12: 7, 18: 7,
    }  # fmt: skip
    worse = forecast.copy()
    worse[:, 1::4] += 50  # from 06:00
    found, changed = scores_by_hour(spread, forecast), scores_by_hour(spread, worse)
    assert [hour for hour in found if found[hour] != changed[hour]] == [6]
    only = scores(spread.from_origins([1, 5]), forecast[:, [1, 5]])[OVERALL]
    spread.actual[:, 9::4] = np.nan
    spread.actual[:, ::4] = np.nan
    found = scores_by_hour(spread, forecast)
    assert list(found) == [6, 12, 18], "midnight was not observed"
    assert found[6] == only


def test_the_share_below_a_calibrated_quantile_is_its_level(truth, forecast):
    np.testing.assert_allclose(share_below(truth, forecast), LEVELS, atol=0.03)
    assert (share_below(truth, forecast * 0) < 0.01).all()


def test_the_loss_of_a_series_depends_only_on_its_own_hours(truth, forecast):
    worse = forecast.copy()
    worse[2] *= 3
    changed = loss_by_series(truth, worse) - loss_by_series(truth, forecast)
    assert np.flatnonzero(changed).tolist() == [2]


def test_examples_are_an_ordinary_and_a_hard_day_of_each_pollutant(truth, forecast):
    shown = examples(truth, forecast)
    assert [(truth.pollutants[one.series], one.kind) for one in shown] == [
        (pollutant, kind) for pollutant in ("O3", "CO") for kind in KINDS
    ]
    loss = metrics.quantile_losses(truth.actual, truth.published(forecast)).sum(axis=2)
    ordinary, hard = (loss[one.series, one.origin] for one in shown[:2])
    assert hard > ordinary


def page(truth, forecast, **others):
    given = {
        "title": "Forecasts of <2> stations",
        "facts": ["2 stations"],
        "verdict": ["model has 0.5 times the loss of baseline"],
        "truth": truth,
        "forecasts": {"model": forecast, "baseline": forecast * 1.5},
    }
    return Report(**(given | others)).html()


def test_the_page_is_self_contained(truth, forecast):
    html = page(truth, forecast)
    assert "<script" not in html
    assert not re.search(r"(src|href)=|url\(|@import", html)
    assert "prefers-color-scheme: dark" in html
    assert "Forecasts of &lt;2&gt; stations" in html


def test_the_page_shows_every_figure_and_picture(truth, forecast):
    html = page(truth, forecast)
    losses = scores(truth, forecast * 1.5)["O3"].errors
    assert f"{losses.weighted_quantile_loss:.4f}" in html
    pictures = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert len(pictures) == 2 + 2 * len(KINDS)
    for picture in pictures:
        ElementTree.fromstring(picture)
        assert "nan" not in picture
    assert "Variation between seeds" not in html


def test_the_page_shows_the_spread_over_seeds_and_a_warning(truth, forecast):
    by_seed = {1: scores(truth, forecast), 7: scores(truth, forecast * 1.1)}
    html = page(truth, forecast, seeds=by_seed, warning="not a forecast")
    losses = [found[OVERALL].errors.weighted_quantile_loss for found in by_seed.values()]
    assert f"{np.std(losses, ddof=1):.4f}" in html
    assert '<p class="warning">not a forecast</p>' in html


def test_the_page_works_without_baselines_and_with_gaps(truth, forecast):
    truth.before[:] = np.nan
    truth.actual[:, :, ::2] = np.nan
    html = page(truth, forecast, forecasts={"model": forecast})
    assert "best baseline" not in html
    assert html.count("<svg") == 2
