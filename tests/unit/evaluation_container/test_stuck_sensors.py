"""Pollutants that never change: each of their statistics that is a divisor elsewhere is zero."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from evaluation_container.drift.monitor import OVERALL, Finding, of_losses
from evaluation_container.drift.reference import FILE, LEAST_LOSS, Reference, with_losses
from evaluation_container.judgement.gate import Comparison, Limits, decide
from evaluation_container.nightly.published import Losses
from evaluation_container.pages.charts import by_lead
from evaluation_container.preparation.judged_forecasts import CANDIDATE, CHAMPION
from evaluation_container.scoring import metrics
from evaluation_container.scoring.metrics import Errors, mean_errors
from hypothesis import given
from hypothesis import strategies as st

from contracts.models import drift_metrics as metric
from tests.support.models.judged_run import PACKAGE, Run

LIMITS = Limits(0.02, 0.6, 0.95)
SHARES = st.floats(0, 10) | st.just(0.0)


def strict(text: str) -> Any:
    """Read JSON as AWS does."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    ("stuck", "mase_is_known"),
    [({1: 5.0}, True), ({1: 0.0}, True), ({1: 1e-30}, True), ({0: 5.0, 1: 5.0}, False)],
    ids=["constant", "zero", "tiny", "all-constant"],
)
def test_a_candidate_is_judged_and_its_documents_are_json(tmp_path, stuck, mase_is_known):
    run = Run(tmp_path, stuck)
    run.prepare("--package", PACKAGE)
    run.answer(CANDIDATE)
    run.answer(CHAMPION)
    result = run.verdict()
    assert (result["mase"] is not None) == mase_is_known
    for name in ("metrics.json", "gate.json", "reference.json"):
        strict((tmp_path / "report" / name).read_text())
    page = (tmp_path / "report" / "report.html").read_text()
    assert ">nan<" not in page


def test_a_scaled_error_is_the_mean_of_the_pollutants_that_change():
    changing, stuck = Errors(0.2, 0.3, 0.8, 0.7), Errors(0.0, 0.0, math.nan, 1.0)
    assert mean_errors([changing, stuck]) == Errors(0.1, 0.15, 0.8, pytest.approx(0.85))
    assert mean_errors([stuck]).to_json()["mean_absolute_scaled_error"] is None


def test_values_that_are_all_zero_have_no_relative_error():
    with pytest.raises(ValueError, match="no value other than zero"):
        metrics.errors(np.zeros((1, 24)), np.zeros((1, 24, len(metrics.LEVELS))), np.ones(1))


def reference(ozone: float, sulfur_dioxide: float) -> Reference:
    lost = {"ozone": np.full(7, ozone), "sulfur_dioxide": np.full(7, sulfur_dioxide)}
    return with_losses(Reference({}, {}, {}), lost, {name: np.ones(7) for name in lost})


def losses(**each: float) -> Losses:
    days = tuple(range(7))
    return Losses(
        days,  # type: ignore[arg-type] # only their number matters
        {name: np.full(7, loss) for name, loss in each.items()},
        {name: np.ones(7) for name in each},
    )


def by_subject(findings: list[Finding]) -> dict[str, Finding]:
    assert {finding.check for finding in findings} == {metric.LOSS}
    return {finding.subject: finding for finding in findings}


def test_a_pollutant_that_was_forecast_without_error_does_not_stop_the_others():
    found = by_subject(of_losses(losses(ozone=0.3, sulfur_dioxide=0.0), reference(0.2, 0.0)))
    assert found["ozone"].ratio == pytest.approx(1.5)
    assert (found["sulfur_dioxide"].ratio, found["sulfur_dioxide"].verdict) == (0.0, "usual")
    assert found[OVERALL].ratio == pytest.approx(1.5)


def test_a_stuck_pollutant_that_moves_again_is_beyond_its_limit():
    found = by_subject(of_losses(losses(ozone=0.2, sulfur_dioxide=0.4), reference(0.2, 0.0)))
    assert found["sulfur_dioxide"].ratio == pytest.approx(0.4 / LEAST_LOSS)
    assert found["sulfur_dioxide"].verdict == "beyond"


def test_a_limit_of_zero_in_an_older_reference_is_raised(tmp_path):
    older = {"deciles": {}, "distance": {}, "missing": {}, "loss": {"ozone": 0.0, OVERALL: 0.0}}
    (tmp_path / FILE).write_text(json.dumps(older))
    assert Reference.read(tmp_path).loss == {"ozone": LEAST_LOSS, OVERALL: LEAST_LOSS}


def test_a_champion_without_any_loss_is_no_divisor():
    own = Errors(0.0, 0.0, math.nan, 0.8)
    nothing = Comparison(np.zeros(6), np.zeros(6))
    verdict = decide(own, {}, {"hour": {"06:00": nothing}}, nothing, LIMITS)
    assert verdict.accepted
    assert "its mean loss is equal to the champion's (0.0000 to 0.0000" in verdict.reasons[-1]


@given(st.lists(SHARES, min_size=7, max_size=7), SHARES)
def test_every_ratio_of_losses_is_a_number(judged, week):
    limits = with_losses(Reference({}, {}, {}), {"a": np.array(judged)}, {"a": np.ones(7)})
    for finding in of_losses(losses(a=week), limits):
        assert finding.ratio is not None
        assert math.isfinite(finding.ratio)


@given(
    st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=9),
)
def test_the_gate_decides_whatever_the_losses_are(pairs):
    mine, theirs = np.array(pairs).T
    own = Errors(float(mine.mean()), 0.1, math.nan, 0.8)
    comparison = Comparison(mine, theirs)
    verdict = decide(own, {}, {"hour": {"06:00": comparison}}, comparison, LIMITS)
    assert "nan" not in "; ".join(verdict.reasons)
    assert "inf" not in "; ".join(verdict.reasons)
    is_worse = mine.mean() > theirs.mean()
    assert verdict.accepted or is_worse


@given(st.lists(SHARES, min_size=2, max_size=24))
def test_a_chart_is_drawn_whatever_the_errors_are(curve):
    assert "nan" not in by_lead({"model": np.array(curve)})
