"""Writes the candidate's training channel and the data that it and the champion are judged on.

All models forecast from the same newest origins, which are spread over the day. The candidate is
trained on the hours before the first of them, so a model is judged on hours that it has not seen.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from container_runtime.errors import DataError
from container_runtime.parameters import pandas_frequency
from forecast_format.channels import read_channel
from forecast_format.related import with_related
from forecast_format.series import Series

from contracts.models.forecast_input import (
    FREQUENCY,
    HORIZON,
    RECENT_HOURS,
    RELATED_HOURS,
    CategoryIndex,
)
from contracts.times import utc_time
from evaluation_container.drift import reference
from evaluation_container.preparation.judged_forecasts import (
    CANDIDATE,
    CHAMPION,
    INSTANCES,
    LEVELS,
    Judged,
)
from evaluation_container.preparation.tuning_channels import spread_origins
from evaluation_container.scoring.baselines import BASELINES
from evaluation_container.scoring.metrics import naive_scale
from evaluation_container.scoring.scores import Truth

CATEGORIES = "categories.json"
_SHOWN_HOURS = 72
"""Hours of history in the report's charts."""
_LEVELS = np.array([float(level) for level in LEVELS])


@dataclass(frozen=True)
class Champion:
    """The version that a candidate is compared with.

    Parameters
    ----------
    package
        The version's ARN; empty without one.
    index
        Index of the categories that it was trained with.
    data_end
        End of its training data, if known.
    """

    package: str
    index: CategoryIndex
    data_end: datetime | None


def origins(arguments: Sequence[str]) -> str:
    """Write ``train/``, ``judged/`` and its index of categories; return a summary."""
    parser = argparse.ArgumentParser(prog="origins")
    parser.add_argument("--series", type=Path, required=True, help="channel of whole series")
    parser.add_argument("--categories", type=Path, required=True, help="folder of their index")
    parser.add_argument("--champion", type=Path, required=True, help="folder of its index")
    parser.add_argument("--package", default="", help="the champion's ARN; empty without one")
    parser.add_argument("--data-end", default="", help="end of the champion's training data")
    parser.add_argument("--origins", type=int, required=True, help="forecasts that are judged")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    series = read_channel(options.series, pandas_frequency(FREQUENCY))
    index = _index(options.categories)
    champion = Champion(options.package, _index(options.champion), _hour(options.data_end))
    firsts = spread_origins(series, options.origins, 0)
    train = [one for one in (_before(one, firsts[0]) for one in series) if one.is_observed]
    if not train:
        raise DataError(
            f"nothing was observed before the first origin, {firsts[0].to_timestamp()}: the series "
            f"start at {min(one.start for one in series).to_timestamp()}; wait for more days, or "
            f"judge on fewer than {options.origins} origins"
        )
    index = _trained(index, train)
    known = _known(series, train)
    judged = _judged(known, firsts, index, champion)
    _write(options.out / "judged", known, judged, index)
    _write_channel(train, options.out / "train")
    reference.of_input(reference.by_pollutant(known, index)).write(options.out / "judged")
    return json.dumps(
        {
            "origins": len(firsts),
            "first": str(firsts[0].to_timestamp()),
            "series": len(known),
            "asked": len(judged.places(CANDIDATE)),
            "champion": champion.package if judged.requested[CHAMPION].any() else "",
            "data_start": _iso(min(one.start for one in train)),
            "data_end": _iso(firsts[0]),
        },
        allow_nan=False,
    )


def _trained(index: CategoryIndex, train: Sequence[Series]) -> CategoryIndex:
    """Return the index up to the last device in the training series."""
    devices = 1 + max(one.cat[0] for one in train)
    return CategoryIndex(index.devices[:devices], index.pollutants)


def _known(series: Sequence[Series], train: Sequence[Series]) -> list[Series]:
    """Return the candidate's training series in full length, with their related series."""
    trained = {one.cat for one in train}
    return [one for one in with_related(series) if one.cat in trained]


def _judged(
    series: Sequence[Series], firsts: Sequence[pd.Period], index: CategoryIndex, champion: Champion
) -> Judged:
    shape = (len(series), len(firsts))
    actual = np.full((*shape, HORIZON), np.nan)
    before = np.full((*shape, _SHOWN_HOURS), np.nan)
    requested = np.zeros(shape, dtype=bool)
    baselines = {name: np.full((*shape, HORIZON, len(LEVELS)), np.nan) for name in BASELINES}
    for place in np.ndindex(shape):
        whole, first = series[place[0]], firsts[place[1]]
        past = _before(whole, first, RECENT_HOURS)
        if not past.is_observed:  # a real caller would not request a forecast without any value
            continue
        history = past.target.astype(np.float64)
        observed = whole.target[_steps(whole, first) :][:HORIZON]
        actual[place][: len(observed)] = observed
        shown = history[-_SHOWN_HOURS:]
        before[place][_SHOWN_HOURS - len(shown) :] = shown
        requested[place] = True
        for name, baseline in BASELINES.items():
            baselines[name][place] = baseline(history, HORIZON, _LEVELS)
    scales = np.array(
        [naive_scale(_before(one, firsts[0]).target.astype(np.float64)) for one in series]
    )
    truth = Truth(
        stations=[index.devices[one.cat[0]] for one in series],
        pollutants=[index.pollutants[one.cat[1]] for one in series],
        origins=[first.to_timestamp().replace(tzinfo=UTC) for first in firsts],
        actual=actual,
        before=before,
        scales=scales,
        levels=_LEVELS,
    )
    is_known = np.array([_is_known(one, index, champion) for one in series])
    return Judged(
        truth,
        baselines,
        {CANDIDATE: requested, CHAMPION: requested & is_known[:, None]},
        champion.package,
        champion.data_end,
    )


def _is_known(series: Series, index: CategoryIndex, champion: Champion) -> bool:
    """Return whether the champion was trained with the series' categories, in the same meaning."""
    if not champion.package or not champion.index.pollutants[: len(index.pollutants)]:
        return False
    device, pollutant = series.cat
    return (
        champion.index.devices[device : device + 1] == index.devices[device : device + 1]
        and champion.index.pollutants[pollutant : pollutant + 1]
        == index.pollutants[pollutant : pollutant + 1]
    )


def _write(folder: Path, series: Sequence[Series], judged: Judged, index: CategoryIndex) -> None:
    judged.write(folder)
    (folder / CATEGORIES).write_text(index.to_json(), encoding="utf-8")
    firsts = [pd.Period(origin.replace(tzinfo=None), freq="h") for origin in judged.truth.origins]
    for model in (CANDIDATE, CHAMPION):
        if not judged.requested[model].any():
            continue
        (folder / model).mkdir()
        with (folder / model / INSTANCES).open("w", encoding="utf-8") as lines:
            for place, origin in judged.places(model):
                instance = _before(series[place], firsts[origin], RECENT_HOURS)
                related = {name: row[-RELATED_HOURS:] for name, row in instance.related.items()}
                instance = replace(instance, related=related)
                lines.write(json.dumps(instance.document(), allow_nan=False) + "\n")


def _write_channel(series: Sequence[Series], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / "part-0.json.gz", "wt", encoding="utf-8") as lines:
        for one in series:
            lines.write(json.dumps(one.document(), allow_nan=False) + "\n")


def _before(series: Series, hour: pd.Period, at_most: int | None = None) -> Series:
    return series.before(_steps(series, hour), horizon=0, at_most=at_most)


def _steps(series: Series, hour: pd.Period) -> int:
    """Return the steps from the start of the series to an hour; 0 if it starts later."""
    return max(0, int((hour - series.start).n))


def _index(folder: Path) -> CategoryIndex:
    try:
        return CategoryIndex.from_json((folder / CATEGORIES).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{folder.name}/{CATEGORIES}: not an index of categories: {error}"
        ) from None


def _hour(text: str) -> datetime | None:
    return utc_time(text) if text else None


def _iso(hour: pd.Period) -> str:
    return f"{hour.to_timestamp():%Y-%m-%dT%H:%M:%SZ}"
