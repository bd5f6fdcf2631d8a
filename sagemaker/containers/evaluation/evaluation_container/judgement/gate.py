"""Pure functions that decide whether a candidate may replace the champion, with reasons.

The candidate is compared with the champion origin by origin: both have the same weather in the
same hours, so most of the variation between days cancels out in their difference. Origins more than
one horizon apart share no hour. If both models are equally good, the signs of their differences are
therefore exchangeable, and a sign-flip test gives the probability of a difference at least this
large by chance. See docs/adr/0011.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation_container.scoring.metrics import Errors, Floats

LEVEL = 0.1
"""Significance level of a difference. Larger than usual: rejecting a good candidate costs some
days with the present model, accepting a bad one costs every forecast."""

LEAST_ORIGINS = 5
"""Minimum number of origins: with fewer, no difference would be significant."""

_EXACT_ORIGINS = 14
_DRAWS = 20_000


@dataclass(frozen=True)
class Limits:
    """Limits of the gate, from the settings.

    Parameters
    ----------
    most_loss_over_champion
        Share by which the candidate's loss may exceed the champion's.
    least_coverage_80, most_coverage_80
        Bounds of the share of observed values within the 80 % band.
    """

    most_loss_over_champion: float
    least_coverage_80: float
    most_coverage_80: float


@dataclass(frozen=True)
class Comparison:
    """Losses of the candidate and another forecast from the same origins, on the same series.

    Parameters
    ----------
    candidate, other
        Weighted quantile loss of each origin, averaged over pollutants; shape (origins,).
    """

    candidate: Floats
    other: Floats

    def exceeds(self, margin: float) -> bool:
        """Return whether the candidate's mean loss exceeds the other's by more than a share."""
        return bool(self.candidate.mean() > (1 + margin) * self.other.mean())

    @property
    def ratio(self) -> float:
        """The candidate's mean loss divided by the other's; 1 if both are zero."""
        mine, theirs = float(self.candidate.mean()), float(self.other.mean())
        if not theirs:  # on values that never change
            return 1.0 if not mine else float("inf")
        return mine / theirs

    def chance(self, margin: float) -> float:
        """Return the probability of a loss this high if the candidate's excess is the margin."""
        return sign_flip(self.candidate - (1 + margin) * self.other)


@dataclass(frozen=True)
class Verdict:
    """The gate's decision.

    Parameters
    ----------
    reasons
        Failed checks of a rejected candidate, or all checks of an accepted one, with figures.
    """

    accepted: bool
    reasons: tuple[str, ...]


def decide(
    candidate: Errors,
    baselines: Mapping[str, Errors],
    parts: Mapping[str, Mapping[str, Comparison]],
    comparison: Comparison | str,
    limits: Limits,
) -> Verdict:
    """Accept a candidate that beats every baseline, has a calibrated band, and is no worse.

    A mean hides a part of the forecasts that is bad, such as those from one hour of the day.
    Therefore no part may be significantly worse than the last value repeated (persistence).

    Parameters
    ----------
    candidate, baselines
        Errors over all series and origins, averaged over pollutants.
    parts
        Comparisons with persistence by the kind of part, then by part.
    comparison
        Comparison with the champion, or the reason why there is none.
    """
    checks = [
        *(_against(name, candidate, errors) for name, errors in baselines.items()),
        _band(candidate.coverage_80, limits),
        *(_by_part(kind, of_kind) for kind, of_kind in parts.items() if of_kind),
        _against_champion(comparison, limits.most_loss_over_champion),
    ]
    failed = tuple(text for holds, text in checks if not holds)
    return Verdict(not failed, failed or tuple(text for _, text in checks))


def sign_flip(differences: Floats) -> float:
    """Return the probability of a mean at least this large if every sign were random.

    All combinations of signs are tried for up to 14 differences, else 20,000 with a fixed seed.
    """
    count = len(differences)
    if count <= _EXACT_ORIGINS:
        numbers = np.arange(2**count)[:, None] >> np.arange(count)
        signs = 1 - 2 * (numbers & 1)
    else:
        draws = np.random.default_rng(0).integers(0, 2, (_DRAWS, count))
        signs = np.vstack([np.ones(count, dtype=np.int64), 1 - 2 * draws])
    means = signs @ differences / count
    tolerance = 1e-12 * float(np.abs(differences).sum())
    return float(np.mean(means >= differences.mean() - tolerance))


def _against(name: str, candidate: Errors, baseline: Errors) -> tuple[bool, str]:
    mine, theirs = candidate.weighted_quantile_loss, baseline.weighted_quantile_loss
    holds = bool(mine < theirs)  # False for NaN
    return holds, f"its loss {mine:.4f} is {'' if holds else 'not '}below {theirs:.4f} of {name}"


def _band(coverage: float, limits: Limits) -> tuple[bool, str]:
    least, most = limits.least_coverage_80, limits.most_coverage_80
    holds = least <= coverage <= most
    must = "as required" if holds else f"outside {least:.0%} to {most:.0%}"
    return holds, f"its 80 % band held {coverage:.1%} of the observed values, {must}"


def _by_part(kind: str, parts: Mapping[str, Comparison]) -> tuple[bool, str]:
    """Check all parts of a kind; the level is divided by their number, as each is one more try."""
    worse = [
        name
        for name, part in parts.items()
        if len(part.candidate) >= LEAST_ORIGINS
        and part.exceeds(0.0)
        and part.chance(0.0) <= LEVEL / len(parts)
    ]
    if worse:
        listed = ", ".join(_place(name, parts[name]) for name in worse)
        return False, f"by {kind}, its loss is above that of persistence: {listed}"
    name = max(parts, key=lambda one: parts[one].ratio)
    return True, (
        f"at no {kind} is its loss significantly above that of persistence; the highest is "
        f"{_place(name, parts[name])}"
    )


def _place(name: str, part: Comparison) -> str:
    if math.isinf(part.ratio):  # persistence has no loss on values that never change
        return f"{part.candidate.mean():.4f} to 0 at {name}"
    return f"{part.ratio:.2f} times at {name}"


def _against_champion(comparison: Comparison | str, margin: float) -> tuple[bool, str]:
    if isinstance(comparison, str):
        return True, f"it was not compared with a champion: {comparison}"
    count = len(comparison.candidate)
    mine, theirs = float(comparison.candidate.mean()), float(comparison.other.mean())
    figures = f"{mine:.4f} to {theirs:.4f} over {count} origins"
    if count < LEAST_ORIGINS:
        return True, f"too few origins to compare it with the champion: {figures}"
    chance = comparison.chance(margin)
    worse = comparison.exceeds(margin) and chance <= LEVEL
    # a champion without any loss, as on values that never change, is no divisor
    share = f"{abs(mine / theirs - 1):.1%} " if theirs else ""
    return not worse, (
        f"its mean loss is {share}{_position(mine, theirs)} the champion's ({figures}); "
        f"{margin:.0%} above is "
        f"allowed, and a model at that limit has a loss this high with probability {chance:.0%}"
    )


def _position(mine: float, theirs: float) -> str:
    if mine == theirs:
        return "equal to"
    return "above" if mine > theirs else "below"
