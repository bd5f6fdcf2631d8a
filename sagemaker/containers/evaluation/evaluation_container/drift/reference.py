"""What is usual, kept with a model: what drift is measured against, and how much of it is usual.

No limit is guessed. Those of the input are what weeks differed by, in the past, from the months
just before them; that of the loss is what weeks of the judged days would have lost. Each is the
99 % quantile, so an ordinary week passes one in a hundred times. See docs/adr/0013.
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
"""Days from the end in which past weeks are looked at: two of every season."""
CALIBRATION_DEVICES = 100
"""Devices of which limits are worked out: of one more, they hardly change, but take longer."""
USUAL = 0.99

LEAST_DISTANCE = 1.63 / np.sqrt(WEEK)
"""What the Kolmogorov-Smirnov test itself allows a week's hours at 1 %."""
LEAST_MISSING = 1 / DAY
"""An hour a day: a limit for data that never lacked anything."""

DRAWS = 2_000
OVERALL = "overall"

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Reference:
    """What a model's input and loss are compared with.

    Parameters
    ----------
    deciles
        By pollutant, then by device: of the last `REFERENCE_DAYS` before the model was made.
    distance, missing, loss
        Limits by pollutant; that of the loss also `OVERALL`, and empty until it was judged.
    judged_loss
        Weighted quantile loss on the judged days, by pollutant and `OVERALL`.
    """

    deciles: Mapping[str, Mapping[str, list[float]]]
    distance: Numbers
    missing: Numbers
    loss: Numbers = field(default_factory=dict)
    judged_loss: Numbers = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Leave it in a folder as `FILE`."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self), allow_nan=False)
        (folder / FILE).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Reference:
        """Read `FILE` in a folder.

        Raises
        ------
        DataError
            It is missing or something else.
        """
        try:
            return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"{FILE} is no reference of a model: {error}") from None


def by_pollutant(
    series: Sequence[Series], index: CategoryIndex
) -> dict[str, tuple[tuple[str, ...], Floats]]:
    """Series of two categories as `Hours`, missing where a series has not begun or has ended."""
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
    """The reference of a model that is made now, when these hours are known.

    They end with the newest hour, and not with what the model learns from: else the reference would
    be as old as the judged days from the start. The loss is not judged yet.

    Of a history that is shorter than `REFERENCE_DAYS` and a few weeks, half is compared with; one
    of less than two weeks has nothing usual yet, and its pollutants are left out.
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
    """The reference of a model that was judged, with the limits of a week's loss.

    A week is seven of the judged days, drawn again and again: from one day to the next, the loss of
    a forecast says little about that of the next one.

    Parameters
    ----------
    losses, totals
        By pollutant, of each judged day: the quantile loss, meant over the quantiles, and the
        absolute values that came; the weighted quantile loss is the quotient of their sums.
    """
    days = len(next(iter(losses.values())))
    draws = np.random.default_rng(0).integers(0, days, (DRAWS, 7))
    weeks = weighted_loss(
        {name: lost[draws] for name, lost in losses.items()},
        {name: came[draws] for name, came in totals.items()},
    )
    limits = {name: float(np.nanquantile(found, USUAL)) for name, found in weeks.items()}
    judged = {name: float(found) for name, found in weighted_loss(losses, totals).items()}
    return replace(reference, loss=limits, judged_loss=judged)


def weighted_loss(losses: Mapping[str, Floats], totals: Mapping[str, Floats]) -> dict[str, Any]:
    """Weighted quantile loss over the last axis by pollutant, and their mean as `OVERALL`.

    A pollutant of which nothing came is left out.
    """
    found = {
        name: np.asarray(lost.sum(axis=-1) / totals[name].sum(axis=-1))
        for name, lost in losses.items()
        if (totals[name].sum(axis=-1) > 0).all()
    }
    if found:
        found[OVERALL] = np.mean(list(found.values()), axis=0)
    return found


def _past_weeks(rows: Floats, days: int) -> tuple[Floats, Floats]:
    """Distance and missing share of each past week, day by day, from the days before it."""
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
    """A limit a pollutant, such that one week in a hundred passes any of them."""
    alone = {
        name: max(least, float(np.nanquantile(weeks, USUAL)) if np.isfinite(weeks).any() else 0.0)
        for name, weeks in found.items()
    }
    length = min((len(weeks) for weeks in found.values()), default=0)
    if not length:
        return {}
    ratios = np.array([found[name][-length:] / limit for name, limit in alone.items()])
    together = np.nanquantile(np.nanmax(np.nan_to_num(ratios, nan=0.0), axis=0), USUAL)
    return {name: limit * max(1.0, float(together)) for name, limit in alone.items()}


def _end(series: Series) -> int:
    """Number of the step after the series' last one."""
    return int(series.start.ordinal) // int(series.start.freq.n) + len(series.target)
