"""Builds the drift reference that is stored with a model: usual values, and limits of drift.

All limits are measured. The input limits come from how much past weeks differed from the months
before them; the loss limit comes from the losses of weeks drawn from the judged days. Each is the
99 % quantile, so one ordinary week in a hundred exceeds it. See docs/adr/0013.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from container_runtime.errors import DataError
from forecast_format.series import Series

from contracts.models.forecast_input import CategoryIndex
from evaluation_container.scoring.drift_statistics import (
    DAY,
    WEEK,
    Hours,
    deciles,
    distance,
    missing,
)
from evaluation_container.scoring.metrics import Floats

FILE = "reference.json"

REFERENCE_DAYS = 56
"""Days before a week that it is compared with: long enough for a distribution, within a season."""
LEAST_DAYS = 4
PAST_DAYS = 730
"""Days of history from which past weeks are taken: two of every season."""
CALIBRATION_DEVICES = 100
"""Number of devices that limits are computed from: more take longer and hardly change them."""
USUAL = 0.99

LEAST_DISTANCE = 1.63 / np.sqrt(WEEK)
"""Critical value of the Kolmogorov-Smirnov test at 1 % for the hours of a week."""
LEAST_MISSING = 1 / DAY
"""One hour per day: the limit for data without any gap so far."""
LEAST_LOSS = 0.01
"""A hundredth of the observed values: the limit for values that are forecast without an error,
because they never change."""

DRAWS = 2_000
OVERALL = "overall"

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Reference:
    """Usual values and limits for a model's input and loss.

    Parameters
    ----------
    deciles
        Deciles of the last `REFERENCE_DAYS` before training, by pollutant, then by device.
    distance, missing, loss
        Limits by pollutant, all above zero; the loss limits include `OVERALL`, and are empty before
        judging.
    judged_loss
        Weighted quantile loss on the judged days, by pollutant and `OVERALL`.
    """

    deciles: Mapping[str, Mapping[str, list[float]]]
    distance: Numbers
    missing: Numbers
    loss: Numbers = field(default_factory=dict)
    judged_loss: Numbers = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the reference to `FILE` in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self), allow_nan=False)
        (folder / FILE).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Reference:
        """Read `FILE` in a folder.

        Raises
        ------
        DataError
            The file is missing or invalid.
        """
        try:
            found = cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))
            # files written before LEAST_LOSS existed may hold a limit of zero
            return replace(found, loss=_at_least(LEAST_LOSS, found.loss))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{FILE} is not a valid drift reference: {error}") from None


def by_pollutant(
    series: Sequence[Series], index: CategoryIndex
) -> dict[str, tuple[tuple[str, ...], Floats]]:
    """Return series of two categories as `Hours`; NaN before a series starts and after it ends."""
    last = max(_end(one) for one in series)
    length = max(len(one.target) + last - _end(one) for one in series)
    rows: dict[str, dict[str, Floats]] = {}
    for one in series:
        device, pollutant = one.cat
        row = np.full(length, np.nan)
        stop = length - (last - _end(one))
        row[stop - len(one.target) : stop] = one.target
        rows.setdefault(index.pollutants[pollutant], {})[index.devices[device]] = row
    return {name: (tuple(found), np.stack(list(found.values()))) for name, found in rows.items()}


def of_input(hours: Hours) -> Reference:
    """Build the reference of a new model from the hours that are known now, without loss limits.

    The hours end with the newest one, not with the training data; otherwise the reference would
    already be as old as the judged days.

    If the history is shorter than `REFERENCE_DAYS` and a few weeks, half of it is the reference
    period. Pollutants with less than two weeks of history are left out.
    """
    usual, far, absent = {}, {}, {}
    for pollutant, (devices, rows) in hours.items():
        past = rows[:, -PAST_DAYS * DAY :]
        days = min(REFERENCE_DAYS, (past.shape[1] - WEEK) // DAY // 2)
        if days < LEAST_DAYS:
            continue
        own = deciles(past[:, -days * DAY :])
        usual[pollutant] = {
            device: [float(value) for value in row]
            for device, row in zip(devices, own, strict=True)
            if np.isfinite(row).all()
        }
        far[pollutant], absent[pollutant] = _past_weeks(past, days)
    return Reference(usual, _limits(far, LEAST_DISTANCE), _limits(absent, LEAST_MISSING))


def with_losses(
    reference: Reference, losses: Mapping[str, Floats], totals: Mapping[str, Floats]
) -> Reference:
    """Add the limits of a week's loss to the reference of a judged model.

    A week is seven of the judged days, drawn at random with replacement, because losses of
    consecutive days are nearly independent.

    Parameters
    ----------
    losses, totals
        By pollutant and judged day: the quantile loss, averaged over the quantiles, and the sum of
        absolute observed values. The weighted quantile loss is the quotient of their sums.
    """
    days = len(next(iter(losses.values())))
    draws = np.random.default_rng(0).integers(0, days, (DRAWS, 7))
    weeks = weighted_loss(
        {name: values[draws] for name, values in losses.items()},
        {name: values[draws] for name, values in totals.items()},
    )
    limits = _at_least(
        LEAST_LOSS, {name: float(np.nanquantile(found, USUAL)) for name, found in weeks.items()}
    )
    judged = {name: float(found) for name, found in weighted_loss(losses, totals).items()}
    return replace(reference, loss=limits, judged_loss=judged)


def weighted_loss(losses: Mapping[str, Floats], totals: Mapping[str, Floats]) -> dict[str, Any]:
    """Return the weighted quantile loss over the last axis by pollutant, and the mean as `OVERALL`.

    A pollutant without observed values is left out.
    """
    found = {
        name: np.asarray(loss.sum(axis=-1) / totals[name].sum(axis=-1))
        for name, loss in losses.items()
        if (totals[name].sum(axis=-1) > 0).all()
    }
    if found:
        found[OVERALL] = np.mean(list(found.values()), axis=0)
    return found


def _at_least(least: float, limits: Numbers) -> dict[str, float]:
    return {name: max(least, limit) for name, limit in limits.items()}


def _past_weeks(rows: Floats, days: int) -> tuple[Floats, Floats]:
    """Return distance and missing share of each past week, compared with the days before it."""
    step = max(1, len(rows) // CALIBRATION_DEVICES)
    some = rows[::step]
    far, absent = [], []
    for stop in range(rows.shape[1], days * DAY + WEEK - 1, -DAY):
        week, before = some[:, stop - WEEK : stop], some[:, stop - WEEK - days * DAY : stop - WEEK]
        own = deciles(before)
        far.append(distance(week, own))
        absent.append(missing(week, own))
    return np.array(far[::-1]), np.array(absent[::-1])


def _limits(found: Mapping[str, Floats], least: float) -> dict[str, float]:
    """Return one limit per pollutant; one week in a hundred exceeds any of them."""
    alone = _at_least(
        least,
        {
            name: float(np.nanquantile(weeks, USUAL)) if np.isfinite(weeks).any() else 0.0
            for name, weeks in found.items()
        },
    )
    length = min((len(weeks) for weeks in found.values()), default=0)
    if not length:
        return {}
    ratios = np.array([found[name][-length:] / limit for name, limit in alone.items()])
    together = np.nanquantile(np.nanmax(np.nan_to_num(ratios, nan=0.0), axis=0), USUAL)
    return {name: limit * max(1.0, float(together)) for name, limit in alone.items()}


def _end(series: Series) -> int:
    """Return the ordinal number of the step after the series' last one."""
    return int(series.start.ordinal) // int(series.start.freq.n) + len(series.target)
