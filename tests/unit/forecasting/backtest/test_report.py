"""The output of a backtest compares models and checks the goals."""

from __future__ import annotations

import io

import numpy as np
from evaluation_container.scoring.metrics import Errors
from evaluation_container.scoring.scores import OVERALL, Score
from forecasting.backtest.report import (
    hour_table,
    hour_verdict,
    lead_table,
    lead_verdict,
    score_table,
    verdict,
)
from forecasting.cli.tables import print_whole
from rich.console import Console


def scored(*losses, covered=0.8):
    """Build scores of O3, CO and overall."""
    return {
        group: Score(Errors(loss, 2 * loss, 3 * loss, covered), {50: 0.5, 80: covered, 95: 0.95})
        for group, loss in zip(("O3", "CO", OVERALL), losses, strict=True)
    }


def test_the_champion_is_compared_with_its_goals():
    found = {
        "boosting": [scored(0.3, 0.4, 0.35)],
        "stock-deepar": [scored(0.5, 0.5, 0.5)],
        "own-lags": [scored(0.4, 0.35, 0.36)],
    }
    assert verdict(found) == [
        "boosting has 0.700 times the loss of stock-deepar (goal: at most 0.80, met)",
        "boosting has 0.972 times the loss of own-lags (goal: at most 0.95, missed); "
        "not better on CO",
        "80.0% of the observed values are within the 80 % band of boosting (goal: 77% to 84%, met)",
    ]


def test_bands_that_are_too_narrow_miss_the_goal():
    found = {"boosting": [scored(0.3, 0.4, 0.35, covered=0.7)]}
    assert verdict(found)[-1].endswith("(goal: 77% to 84%, missed)")


def test_a_model_with_known_weather_has_its_own_goal():
    found = {
        "boosting, weather known": [scored(0.3, 0.4, 0.35)],
        "stock-deepar": [scored(0.5, 0.5, 0.5)],
    }
    assert "(goal: at most 0.68, missed)" in verdict(found)[0]


def test_a_model_without_goals_is_only_compared():
    lines = verdict({"naive-24": [scored(0.5, 0.5, 0.5)], "persistence": [scored(0.5, 0.6, 0.4)]})
    assert lines[0] == "naive-24 has 1.250 times the loss of persistence; not better on O3"
    assert "goal" not in lines[1]


def test_the_table_has_the_mean_and_spread_over_seeds_and_is_whole_on_a_narrow_terminal():
    written = io.StringIO()
    seeds = [scored(0.3, 0.4, 0.35), scored(0.32, 0.4, 0.36)]
    table = score_table({"boosting": seeds, "stock-deepar": [scored(0.5, 0.5, 0.5)]})
    print_whole(table, Console(file=written, width=40))
    row = next(line for line in written.getvalue().splitlines() if "O3" in line)
    assert row.split() == [
        "O3", "boosting", "0.3100", "±0.0141", "0.6200", "±0.0283", "0.9300", "±0.0424",
        "0.500", "0.800", "0.950",
    ]  # fmt: skip


def by_hour(*losses, covered=0.8):
    """Build overall scores at 00:00, 06:00 …"""
    return {
        6 * place: scored(0, 0, loss, covered=covered)[OVERALL] for place, loss in enumerate(losses)
    }


def test_the_champion_is_judged_at_its_worst_hour_of_origin():
    found = {
        "boosting": [{**by_hour(0.3, 0.33), **{6: by_hour(0.33, covered=0.85)[0]}}],
        "persistence": [by_hour(0.5, 0.44)],
    }
    assert hour_verdict(found) == [
        "from 06:00, its worst hour, boosting has 0.750 times the loss of persistence "
        "(goal: at most 0.74, missed)",
        "by hour of origin, 80.0% to 85.0% are within its 80 % band (goal: 77% to 84%, missed)",
    ]
    lines = hour_verdict({"naive-24": [by_hour(0.5)], "deepar": [by_hour(0.4)]})
    assert lines[0] == "from 00:00, its worst hour, naive-24 has 1.250 times the loss of deepar"
    assert "goal" not in lines[1]


def test_a_baseline_without_any_loss_is_compared():
    """Persistence has none where all series are constant."""
    constant = {"boosting": [scored(0.1, 0.1, 0.1)], "persistence": [scored(0.0, 0.0, 0.0)]}
    assert verdict(constant)[0].startswith("boosting has inf times the loss of persistence")
    equal = {"boosting": [by_hour(0.0)], "persistence": [by_hour(0.0)]}
    assert "boosting has 1.000 times the loss of persistence" in hour_verdict(equal)[0]


def test_the_table_by_hour_has_means_over_seeds():
    written = io.StringIO()
    table = hour_table({"boosting": [by_hour(0.3, 0.4), by_hour(0.32, 0.4, covered=0.7)]})
    print_whole(table, Console(file=written, width=40))
    row = next(line for line in written.getvalue().splitlines() if "boosting" in line)
    assert row.split() == ["boosting", "0.3100", "0.750", "0.4000", "0.750"]


def by_lead(**losses):
    """Build losses of three leads by pollutant, and their mean."""
    found = {group: np.array(of_group) for group, of_group in losses.items()}
    return {**found, OVERALL: np.mean(list(found.values()), axis=0)}


def test_the_champion_is_judged_at_its_worst_lead_and_pollutant():
    found = {
        "boosting": [by_lead(O3=[0.2, 0.3, 0.4], CO=[0.1, 0.3, 0.4])],
        "persistence": [by_lead(O3=[0.19, 0.4, 0.6], CO=[0.2, 0.4, np.nan])],
        "deepar": [by_lead(O3=[0.4, 0.4, 0.6], CO=[0.2, 0.4, 0.5])],
        "own-lags": [by_lead(O3=[0.4, 0.4, 0.2], CO=[0.2, 0.4, 0.5])],
    }
    assert lead_verdict(found) == [
        "1 h ahead of O3, where it is worst, boosting has 1.053 times the loss of persistence "
        "(goal: below 1, missed)",
        "3 h ahead of CO, where it is worst, boosting has 0.800 times the loss of deepar "
        "(goal: below 1, met)",
        "3 h ahead of O3, where it is worst, boosting has 2.000 times the loss of own-lags",
    ]


def test_the_table_by_lead_has_every_pollutant_and_means_over_seeds():
    written = io.StringIO()
    seeds = [by_lead(O3=[0.2, 0.3, 0.4], CO=[0.1, 0.3, 0.4])] * 2
    seeds.append(by_lead(O3=[0.5, 0.3, 0.4], CO=[0.1, 0.3, 0.4]))
    table = lead_table({"boosting": seeds, "deepar": [by_lead(O3=[1, 2, 3], CO=[1, 2, 3])]})
    print_whole(table, Console(file=written, width=40))
    lines = [line.split() for line in written.getvalue().splitlines()]
    assert ["O3", "boosting", "0.300", "0.300", "0.400"] in lines
    assert ["deepar", "1.000", "2.000", "3.000"] in lines
    assert ["overall", "boosting", "0.200", "0.300", "0.400"] in lines
