"""The gate's decisions on candidates, and its reasons."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_container.judgement.gate import Comparison, Limits, decide, sign_flip
from evaluation_container.scoring.metrics import Errors

LIMITS = Limits(most_loss_over_champion=0.02, least_coverage_80=0.7, most_coverage_80=0.9)
BASELINES = {"persistence": 0.47, "daily seasonal naive": 0.55}
DAYS = np.array([0.36, 0.41, 0.33, 0.52, 0.38, 0.44, 0.35])


def errors(loss: float, coverage: float = 0.8) -> Errors:
    return Errors(loss, loss * 1.3, 0.8, coverage)


def verdict(loss=0.37, coverage=0.8, comparison="there is none", parts=None):
    baselines = {name: errors(theirs) for name, theirs in BASELINES.items()}
    return decide(errors(loss, coverage), baselines, {"hour": parts or {}}, comparison, LIMITS)


def test_a_candidate_that_is_better_than_all_is_accepted_with_figures():
    found = verdict(comparison=Comparison(DAYS, DAYS * 1.05))
    assert found.accepted
    text = "; ".join(found.reasons)
    assert "0.3700 is below 0.4700 of persistence" in text
    assert "its 80 % band held 80.0% of the observed values, as required" in text
    assert "4.8% below the champion's" in text


@pytest.mark.parametrize(
    ("loss", "beaten_by"),
    [(0.5, ["persistence"]), (0.6, list(BASELINES)), (np.nan, list(BASELINES))],
)
def test_a_candidate_that_loses_to_a_baseline_is_rejected(loss, beaten_by):
    found = verdict(loss)
    assert not found.accepted
    assert [reason.rpartition(" of ")[2] for reason in found.reasons] == beaten_by
    assert all("not below" in reason for reason in found.reasons)


@pytest.mark.parametrize("coverage", [0.69, 0.91, np.nan])
def test_a_band_outside_the_limits_is_a_reason_for_rejection(coverage):
    found = verdict(coverage=coverage)
    assert not found.accepted
    (reason,) = found.reasons
    assert "outside 70% to 90%" in reason


def test_the_first_candidate_needs_no_champion():
    assert verdict().accepted


def test_worse_than_the_champion_on_every_day_by_more_than_the_margin_is_rejected():
    found = verdict(comparison=Comparison(DAYS * 1.06, DAYS))
    assert not found.accepted
    (reason,) = found.reasons
    assert "6.0% above the champion's" in reason
    assert "7 origins" in reason


def test_a_loss_within_the_margin_of_the_champion_is_accepted():
    assert verdict(comparison=Comparison(DAYS * 1.019, DAYS)).accepted


def test_one_bad_day_is_not_significant():
    mine = DAYS * 0.99
    mine[3] *= 2
    comparison = Comparison(mine, DAYS)
    assert comparison.exceeds(LIMITS.most_loss_over_champion)
    assert verdict(comparison=comparison).accepted


def test_too_few_days_are_not_significant():
    comparison = Comparison(DAYS[:3] * 3, DAYS[:3])
    assert verdict(comparison=comparison).accepted
    assert any("too few origins" in reason for reason in verdict(comparison=comparison).reasons)


def test_a_part_worse_than_persistence_is_a_reason_for_rejection():
    parts = {"00:00": Comparison(DAYS * 0.6, DAYS), "18:00": Comparison(DAYS * 1.2, DAYS)}
    found = verdict(parts=parts)
    assert not found.accepted
    assert found.reasons == ("by hour, its loss is above that of persistence: 1.20 times at 18:00",)


def test_parts_that_are_not_significantly_worse_are_accepted_with_the_highest():
    noisy = DAYS * np.array([0.7, 1.4, 0.8, 1.3, 0.9, 1.2, 0.8])
    parts = {
        "00:00": Comparison(DAYS * 0.6, DAYS),
        "06:00": Comparison(noisy, DAYS),
        "12:00": Comparison(DAYS[:4] * 1.02, DAYS[:4]),
    }
    found = verdict(parts=parts)
    assert found.accepted
    assert any(
        reason.startswith("at no hour is its loss significantly above that of persistence; the ")
        for reason in found.reasons
    )


def test_the_level_is_divided_by_the_number_of_parts():
    worse = Comparison(DAYS[:5] * 1.1, DAYS[:5])  # chance 1/32
    better = Comparison(DAYS * 0.9, DAYS)
    assert not verdict(parts={"a": worse, "b": better}).accepted
    assert verdict(parts={"a": worse, **{str(n): better for n in range(5)}}).accepted


def test_sign_flips_are_exact_for_few_days():
    assert sign_flip(np.ones(5)) == 1 / 32
    assert sign_flip(-np.ones(5)) == 1
    assert sign_flip(np.zeros(5)) == 1
    assert sign_flip(np.array([1.0, -1.0])) == 0.75


def test_draws_for_many_days_are_reproducible_and_keep_the_significance_level():
    rng = np.random.default_rng(3)
    chances = [sign_flip(rng.normal(size=30)) for _ in range(200)]
    assert 0.03 < np.mean(np.array(chances) <= 0.1) < 0.18
    assert sign_flip(np.arange(20.0) - 8) == sign_flip(np.arange(20.0) - 8)
