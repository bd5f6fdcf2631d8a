"""Whether a candidate may take the champion's place, and why. Nothing here reads or writes.

The candidate is compared with the champion origin by origin, since both meet the same weather on
the same day: most of what makes one day's loss larger than the next one's drops out of their
difference. Daily origins a horizon apart share no hour, so their differences are taken for
exchangeable in sign where both models are equally good, and a sign-flip test tells how likely a
difference so large is by chance. See docs/adr/0011.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation_container.scoring.metrics import Errors, Floats

LEVEL = 0.1
"""Below this chance a difference is none. Larger than usual: to turn a good candidate down costs
some days with the model that is there, to let a bad one pass costs every forecast."""

LEAST_ORIGINS = 5
"""Below, not even a candidate that loses on every origin would be worse beyond chance."""

_EXACT_ORIGINS = 14
_DRAWS = 20_000


@dataclass(frozen=True)
class Limits:
    """What the settings say.

    Parameters
    ----------
    most_loss_over_champion
        Share by which the candidate's loss may exceed the champion's.
    least_coverage_80, most_coverage_80
        Of the band that is to hold 80 % of what comes.
    """

    most_loss_over_champion: float
    least_coverage_80: float
    most_coverage_80: float


@dataclass(frozen=True)
class Comparison:
    """Losses of both models from the same origins, on the series that both know.

    Parameters
    ----------
    candidate, champion
        Weighted quantile loss of each origin, the mean of the pollutants; shape (origins,).
    """

    candidate: Floats
    champion: Floats

    @property
    def excess(self) -> float:
        """Share by which the candidate's mean loss exceeds the champion's; below 0: it is less."""
        return float(self.candidate.mean() / self.champion.mean() - 1)

    def chance(self, margin: float) -> float:
        """How likely a candidate that exceeds the champion by the margin does as badly as this."""
        return sign_flip(self.candidate - (1 + margin) * self.champion)


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Parameters
    ----------
    reasons
        For a rejection, each thing that is wrong; else what was looked at. With figures.
    """

    accepted: bool
    reasons: tuple[str, ...]


def decide(
    candidate: Errors,
    baselines: Mapping[str, Errors],
    comparison: Comparison | str,
    limits: Limits,
) -> Verdict:
    """Let a candidate pass that beats every baseline, holds its band, and is no worse.

    Parameters
    ----------
    candidate, baselines
        Over all series and origins, the mean of the pollutants.
    comparison
        With the champion, or in words why there is none.
    """
    checks = [
        *(_against(name, candidate, errors) for name, errors in baselines.items()),
        _band(candidate.coverage_80, limits),
        _against_champion(comparison, limits.most_loss_over_champion),
    ]
    wrong = tuple(text for holds, text in checks if not holds)
    return Verdict(not wrong, wrong or tuple(text for _, text in checks))


def sign_flip(differences: Floats) -> float:
    """Chance of a mean at least so large, were the sign of every difference a coin's toss.

    All tosses are tried for up to 14 differences, else 20,000 with a fixed seed.
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
    holds = bool(mine < theirs)  # not so where it is no number
    return holds, f"its loss {mine:.4f} is {'' if holds else 'not '}below {theirs:.4f} of {name}"


def _band(coverage: float, limits: Limits) -> tuple[bool, str]:
    least, most = limits.least_coverage_80, limits.most_coverage_80
    holds = least <= coverage <= most
    verb = "holds" if holds else "should hold"
    found = f"its 80 % band {verb} {least:.0%} to {most:.0%} of what comes"
    return holds, f"{found}: it held {coverage:.1%}"


def _against_champion(comparison: Comparison | str, margin: float) -> tuple[bool, str]:
    if isinstance(comparison, str):
        return True, f"it was not compared with a champion: {comparison}"
    count = len(comparison.candidate)
    mine, theirs = comparison.candidate.mean(), comparison.champion.mean()
    figures = f"{mine:.4f} to {theirs:.4f} over {count} days"
    if count < LEAST_ORIGINS:
        return True, f"too few days to compare it with the champion: {figures}"
    chance = comparison.chance(margin)
    worse = comparison.excess > margin and chance <= LEVEL
    told = f"{abs(comparison.excess):.1%} {'above' if comparison.excess > 0 else 'below'}"
    return not worse, (
        f"its daily loss is on average {told} the champion's ({figures}), where {margin:.0%} above "
        f"is allowed: a model at that limit does so badly by chance {chance:.0%} of the time"
    )
