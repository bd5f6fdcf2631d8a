"""Judges a candidate from its forecasts, the champion's forecasts and the observed values."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation_container.drift.reference import Reference, with_losses
from evaluation_container.judgement.gate import Comparison, Limits, Verdict, decide
from evaluation_container.pages.forecast_report import Report
from evaluation_container.preparation.judged_forecasts import CANDIDATE, CHAMPION, Judged, Mask
from evaluation_container.scoring import metrics
from evaluation_container.scoring.metrics import Floats
from evaluation_container.scoring.scores import OVERALL, Score, Truth, scores

PERSISTENCE = "persistence"
"""Name of the baseline that no part of a candidate's forecasts may be worse than."""

LEAD_GROUPS = ((1, 1), (2, 3), (4, 6), (7, 12), (13, 24))
"""First and last lead of the groups in which no candidate may be worse than persistence."""

_MESSAGE = 1000
"""Maximum length of the ExitMessage in characters, a little below SageMaker's limit."""


def judge(arguments: Sequence[str]) -> str:
    """Write metrics.json, gate.json, reference.json and report.html; return the verdict."""
    parser = argparse.ArgumentParser(prog="judge")
    parser.add_argument("--judged", type=Path, required=True, help="output folder of origins")
    parser.add_argument("--forecasts", type=Path, required=True, help="has one folder per model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most-loss-over-champion", type=float, required=True)
    parser.add_argument("--least-coverage-80", type=float, required=True)
    parser.add_argument("--most-coverage-80", type=float, required=True)
    parser.add_argument("--champion-failure", default="", help="why it has no forecasts")
    options = parser.parse_args(arguments)
    judged = Judged.read(options.judged)
    limits = Limits(
        options.most_loss_over_champion, options.least_coverage_80, options.most_coverage_80
    )
    forecasts = {CANDIDATE: judged.answers(CANDIDATE, options.forecasts / CANDIDATE)}
    if judged.requested[CHAMPION].any() and not options.champion_failure:
        forecasts[CHAMPION] = judged.answers(CHAMPION, options.forecasts / CHAMPION)
    found = {
        name: scores(judged.truth, forecast)
        for name, forecast in {CANDIDATE: forecasts[CANDIDATE], **judged.baselines}.items()
    }
    comparison = _comparison(judged, forecasts, options.champion_failure)
    verdict = decide(
        found[CANDIDATE][OVERALL].errors,
        {name: found[name][OVERALL].errors for name in judged.baselines},
        _parts(judged.truth, forecasts[CANDIDATE], judged.baselines[PERSISTENCE]),
        comparison,
        limits,
    )
    champion = None
    if not isinstance(comparison, str):
        champion = _loss(scores(_compared(judged), forecasts[CHAMPION]))
    figures = _figures(found, champion)
    options.out.mkdir(parents=True, exist_ok=True)
    _write(options.out / "metrics.json", _metrics(found, comparison, judged))
    _write(options.out / "gate.json", {**asdict(verdict), "limits": asdict(limits), **figures})
    losses, totals = _by_origin(judged.truth, forecasts[CANDIDATE])
    with_losses(Reference.read(options.judged), losses, totals).write(options.out)
    page = _report(judged, forecasts, verdict).html()
    (options.out / "report.html").write_text(page, encoding="utf-8")
    return _message(verdict, figures)


def _comparison(judged: Judged, forecasts: Mapping[str, Floats], failure: str) -> Comparison | str:
    """Return the comparable losses by origin, or the reason why there are none."""
    if CHAMPION not in forecasts:
        if failure:
            return f"it could not forecast: {failure}"
        return "it knows none of the series" if judged.package else "there is none"
    truth = _compared(judged)
    mine, theirs = (_loss_by_origin(truth, forecasts[model]) for model in (CANDIDATE, CHAMPION))
    kept = np.isfinite(mine)
    if not kept.any():
        return "it was trained on all of these hours"
    return Comparison(mine[kept], theirs[kept])


def _parts(truth: Truth, forecast: Floats, persistence: Floats) -> dict[str, dict[str, Comparison]]:
    """Return comparisons with persistence by hour of origin, hours ahead and pollutant."""
    by_hour = {
        f"{hour:02}:00 UTC": _paired(
            truth.from_origins(places), forecast[:, places], persistence[:, places]
        )
        for hour, places in truth.hours().items()
    }
    by_lead, by_pollutant = {}, {}
    for first, last in LEAD_GROUPS:
        name = f"{first} hours ahead" if first == last else f"{first} to {last} hours ahead"
        leads = truth.at_leads(first, last)
        mine, theirs = (one[:, :, first - 1 : last] for one in (forecast, persistence))
        by_lead[name] = _paired(leads, mine, theirs)
        for pollutant in truth.observed_pollutants():
            places = truth.series_of(pollutant)
            by_pollutant[f"{pollutant} {name}"] = _paired(
                leads.of_series(places), mine[places], theirs[places]
            )
    kinds = {
        "hour of origin": by_hour,
        "number of hours ahead": by_lead,
        "pollutant and number of hours ahead": by_pollutant,
    }
    return {
        kind: {name: part for name, part in parts.items() if len(part.candidate)}
        for kind, parts in kinds.items()
    }


def _paired(truth: Truth, forecast: Floats, persistence: Floats) -> Comparison:
    """Return both losses of the origins with observed values."""
    mine, theirs = (_loss_by_origin(truth, one) for one in (forecast, persistence))
    there = np.isfinite(mine)
    return Comparison(mine[there], theirs[there])


def _compared(judged: Judged) -> Truth:
    """Return the truth of series that both know, from origins after the champion's training."""
    end = judged.champion_data_end
    fair = np.array([end is None or origin >= end for origin in judged.truth.origins])
    return _only(judged.truth, judged.requested[CHAMPION] & fair)


def _only(truth: Truth, requested: Mask) -> Truth:
    """Return the truth of the requested forecasts; all others become missing."""
    return replace(truth, actual=np.where(requested[..., None], truth.actual, np.nan))


def _loss_by_origin(truth: Truth, forecast: Floats) -> Floats:
    """Return each origin's weighted quantile loss, averaged over pollutants; NaN without values."""
    losses, totals = _by_origin(truth, forecast)
    if not losses:
        return np.full(len(truth.origins), np.nan)
    found = [losses[name] / np.where(totals[name] > 0, totals[name], np.nan) for name in losses]
    there = np.isfinite(found).any(axis=0)
    means = np.full(len(truth.origins), np.nan)
    means[there] = np.nanmean(np.asarray(found)[:, there], axis=0)
    return means


def _by_origin(truth: Truth, forecast: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return by pollutant each origin's mean quantile loss and the sum of its observed values."""
    losses, totals = {}, {}
    for pollutant in truth.observed_pollutants():
        places = truth.series_of(pollutant)
        loss = metrics.quantile_losses(truth.actual[places], truth.published(forecast[places]))
        losses[pollutant] = np.nansum(loss, axis=(0, 2))
        totals[pollutant] = np.nansum(np.abs(truth.actual[places]), axis=(0, 2))
    return losses, totals


def _figures(
    found: Mapping[str, Mapping[str, Score]], champion: float | None
) -> dict[str, float | None]:
    """Return a version's figures in the registry; the champion's loss is on common series."""
    mine = found[CANDIDATE][OVERALL].errors
    return {
        "wql": _round(mine.weighted_quantile_loss),
        "wql_champion": None if champion is None else _round(champion),
        "wql_persistence": _round(_loss(found[PERSISTENCE])),
        "wql_naive_24": _round(_loss(found["daily seasonal naive"])),
        "nd": _round(mine.normalized_deviation),
        "mase": _round(mine.mean_absolute_scaled_error),
        "coverage_80": _round(mine.coverage_80),
    }


def _metrics(
    found: Mapping[str, Mapping[str, Score]], comparison: Comparison | str, judged: Judged
) -> dict[str, Any]:
    compared = None
    if not isinstance(comparison, str):
        compared = {
            "package": judged.package,
            "origins": len(comparison.candidate),
            "candidate": [_round(value) for value in comparison.candidate],
            "champion": [_round(value) for value in comparison.other],
        }
    return {
        "origins": [origin.isoformat() for origin in judged.truth.origins],
        "series": len(judged.truth.stations),
        "forecasts": len(judged.places(CANDIDATE)),
        "errors": {
            name: {
                group: {**score.errors.to_json(), "coverage": dict(score.coverage)}
                for group, score in by_group.items()
            }
            for name, by_group in found.items()
        },
        "compared_with_champion": compared,
    }


def _report(judged: Judged, forecasts: Mapping[str, Floats], verdict: Verdict) -> Report:
    truth, origins, shown = judged.truth, judged.truth.origins, judged.requested[CANDIDATE]
    warning = ""
    if CHAMPION in forecasts:
        shown = judged.requested[CHAMPION]
        if (shown != judged.requested[CANDIDATE]).any():
            warning = (
                "This report shows only the series that the champion also knows; the gate used all."
            )
    facts = [
        f"{len(truth.stations)} series were forecast from {len(origins)} origins, "
        f"{origins[0]:%Y-%m-%d %H:%M} to {origins[-1]:%Y-%m-%d %H:%M} UTC. The "
        "candidate was not trained on their hours.",
    ]
    if judged.package:
        facts.append(f"The champion is {judged.package}.")
    kept = np.asarray(shown.any(axis=1))
    shown_forecasts = {**forecasts, **judged.baselines}
    return Report(
        title=f"Candidate {'accepted' if verdict.accepted else 'rejected'}",
        facts=facts,
        verdict=verdict.reasons,
        truth=_only(truth, shown).of_series([int(place) for place in np.flatnonzero(kept)]),
        forecasts={name: rows[kept] for name, rows in shown_forecasts.items()},
        warning=warning,
    )


def _message(verdict: Verdict, figures: Mapping[str, float | None]) -> str:
    decision = "accepted" if verdict.accepted else "rejected"
    reasons = "; ".join(verdict.reasons)
    whole = {"verdict": decision, **figures, "reasons": reasons}
    over = len(json.dumps(whole, allow_nan=False)) - _MESSAGE
    return json.dumps(
        whole | {"reasons": reasons[:-over] + "…" if over > 0 else reasons},
        ensure_ascii=False,
        allow_nan=False,
    )


def _loss(by_group: Mapping[str, Score]) -> float:
    return by_group[OVERALL].errors.weighted_quantile_loss


def _round(value: float) -> float | None:
    known = metrics.known(value)
    return None if known is None else round(known, 5)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text, encoding="utf-8")
