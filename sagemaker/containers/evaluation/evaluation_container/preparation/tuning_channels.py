"""Writes the channels of a tuning job; its test days lie before the days that the gate judges on.

A search selects the values with the lowest loss on its test hours, so that loss is too optimistic.
On the gate's hours, the gate would be too optimistic as well; therefore the test origins come
before the gate's. A single origin is not representative either: the test channel has each series
once per origin, each ending `ORIGIN_STEP` hours later, similar to what
https://docs.aws.amazon.com/sagemaker/latest/dg/deepar.html#deepar-best-practices recommends.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from container_runtime.errors import DataError
from container_runtime.parameters import pandas_frequency
from forecast_format.channels import read_channel
from forecast_format.series import Series

from contracts.models.forecast_input import FREQUENCY, HORIZON, RECENT_HOURS

ORIGIN_STEP = 30
"""Hours between origins. Each is six hours later in the day than the one before it, because the API
forecasts from any hour; and no two forecasts share an hour, so that their errors can be compared as
independent ones."""

HOURS_OF_DAY = 6
"""Origins are at multiples of this hour of the day."""


def holdout(arguments: Sequence[str]) -> str:
    """Write the folders ``train`` and ``test``; return a summary, the job's ExitMessage."""
    parser = argparse.ArgumentParser(prog="holdout")
    parser.add_argument("--channel", type=Path, required=True, help="folder of whole series")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--origins", type=int, required=True, help="forecasts to test on")
    parser.add_argument("--kept", type=int, required=True, help="origins after them, for the gate")
    options = parser.parse_args(arguments)
    series = read_channel(options.channel, pandas_frequency(FREQUENCY))
    origins = spread_origins(series, options.origins, options.kept)
    train, test = split(series, origins)
    return json.dumps(
        {
            "train": _write(train, options.out / "train"),
            "test": _write(test, options.out / "test"),
            "first_origin": str(origins[0].to_timestamp()),
            "last_origin": str(origins[-1].to_timestamp()),
        },
        allow_nan=False,
    )


def spread_origins(series: Sequence[Series], count: int, kept: int) -> list[pd.Period]:
    """Return origins `ORIGIN_STEP` hours apart, spread over the day.

    Parameters
    ----------
    count
        Number of origins.
    kept
        Number of further origins that follow them. The last one's forecast hours are known.
    """
    end = max(one.start + len(one.target) for one in series)
    last = end - end.hour % HOURS_OF_DAY - HORIZON
    first = last - (count + kept - 1) * ORIGIN_STEP
    return [first + number * ORIGIN_STEP for number in range(count)]


def split(
    series: Sequence[Series], origins: Sequence[pd.Period]
) -> tuple[Iterator[Series], Iterator[Series]]:
    """Return the series up to the first origin, and each series once per origin with its forecast.

    Values are divided by the mean of their pollutant in the held-out hours, so that the algorithm's
    loss over all values equals the mean of the pollutants' losses, which the gate uses; in µg/m³,
    carbon monoxide would outweigh all others. The models scale each series anyway.

    Raises
    ------
    DataError
        The series start too late, or nothing was observed in the held-out hours.
    """
    cut = [one.before(_steps(one, origins[0]), horizon=0) for one in series]
    train = [one for one in cut if one.is_observed]
    test = [
        one.before(end, horizon=0, at_most=RECENT_HOURS + HORIZON)  # as long as in a request
        for one in series
        for end in (_steps(one, origin + HORIZON) for origin in origins)
        if _can_be_scored(one, end)
    ]
    if not train or not test:
        when = "before" if not train else "in the days from"
        raise DataError(
            f"nothing was observed {when} {origins[0].to_timestamp()}: the channel needs more "
            "days, or fewer days must be held out"
        )
    usual = _usual(test)
    return _scaled(train, usual), _scaled(test, usual)


def _steps(series: Series, end: pd.Period) -> int:
    """Return the steps from the start of the series to an hour; 0 if it starts later."""
    return max(0, int((end - series.start).n))


def _can_be_scored(series: Series, end: int) -> bool:
    """Return whether the series reaches the end, with values in the last hours and before them."""
    history, truth = series.target[: end - HORIZON], series.target[end - HORIZON : end]
    reaches = HORIZON < end <= len(series.target)
    return bool(reaches and np.isfinite(history).any() and np.isfinite(truth).any())


def _usual(test: Sequence[Series]) -> Mapping[int, float]:
    """Return by pollutant the sum of its held-out values over an average count: about its mean."""
    amounts: dict[int, float] = defaultdict(float)
    count = 0
    for one in test:
        truth = one.target[-HORIZON:]
        amounts[_pollutant(one)] += float(np.nansum(np.abs(truth)))
        count += int(np.isfinite(truth).sum())
    return {kind: amount * len(amounts) / count for kind, amount in amounts.items() if amount}


def _scaled(series: Iterable[Series], usual: Mapping[int, float]) -> Iterator[Series]:
    """Scale the series; drop pollutants whose held-out values are all zero (no weighted loss)."""
    return (
        replace(one, target=(one.target / usual[_pollutant(one)]).astype(np.float32))
        for one in series
        if _pollutant(one) in usual
    )


def _pollutant(series: Series) -> int:
    return series.cat[-1] if series.cat else 0


def _write(series: Iterable[Series], folder: Path) -> int:
    """Write a channel series by series; return their number."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with gzip.open(folder / "part-0.json.gz", "wt", encoding="utf-8") as lines:
        for one in series:
            lines.write(json.dumps(one.document(), allow_nan=False) + "\n")
            count += 1
    return count
