"""One time series in DeepAR's format, with a check of every field.

https://docs.aws.amazon.com/sagemaker/latest/dg/deepar.html#deepar-inputoutput
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from container_runtime.errors import SeriesError, shown

from contracts.models.forecast_input import instance

Floats = npt.NDArray[np.float32]

EARLIEST, LATEST = pd.Timestamp("1700-01-01"), pd.Timestamp("2200-01-01")
"""Bounds of a series' times: pandas counts nanoseconds, which reach from 1677 to 2262, and a model
looks back before the start and forecasts beyond the end."""

LARGEST = 1e15
"""Largest magnitude of a value: squares and sums of larger ones overflow in 32 bits."""

LARGEST_CATEGORY = 2**24 - 1
"""Largest category: models hold it as a number of 32 bits, which has no larger ones exactly."""

_LISTS = (list, tuple, np.ndarray)
_NAN = "NaN"
_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?", re.ASCII)
"""DeepAR's format, with T as in ISO 8601, and without what follows the day or the minutes."""
_ZONE = re.compile(r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)\Z", re.ASCII)


@dataclass(frozen=True)
class Series:
    """A series with its features as arrays, for training and for requests.

    Every field is validated, because requests may come from any caller. All model input is built
    from it. `contracts.models.forecast_input.instance` writes its JSON.

    Parameters
    ----------
    start
        Time of the first value; its frequency is that of the model.
    target
        Values, shape (time,); NaN is missing.
    cat
        Categories, 0-based.
    dynamic_feat
        Features known ahead, shape (features, time); (0, 0) without features.
    related
        Other series of the same times by name, which DeepAR ignores: a shorter one ends where the
        target ends; NaN is missing.
    """

    start: pd.Period
    target: Floats
    cat: tuple[int, ...] = ()
    dynamic_feat: Floats = field(default_factory=lambda: np.empty((0, 0), dtype=np.float32))
    related: Mapping[str, Floats] = field(default_factory=dict)

    @classmethod
    def parse(cls, document: Mapping[str, Any], frequency: str) -> Series:
        """Read one object of a channel or of a request.

        Raises
        ------
        SeriesError
            A field is invalid; the message names it, the expected and the received value.
        """
        if not isinstance(document, Mapping):
            raise SeriesError(f"expected an object with start and target; got {shown(document)}")
        for name in ("start", "target"):
            if document.get(name) is None:
                raise SeriesError(f"{name} is missing")
        target = _values(document["target"], "target", may_be_missing=True)
        return cls(
            start=_start(document["start"], frequency, len(target)),
            target=target,
            cat=_categories(document.get("cat")),
            dynamic_feat=_dynamic_features(document.get("dynamic_feat")),
            related=_related(document.get("related"), len(target)),
        )

    def document(self) -> dict[str, Any]:
        """Return the series as the JSON object that `parse` reads; ``"NaN"`` is missing."""
        return instance(
            self.start.to_timestamp(),
            _shortest(self.target),
            self.cat,
            dynamic_feat=[_shortest(row) for row in self.dynamic_feat],
            related={name: _shortest(row) for name, row in self.related.items()},
        )

    def before(self, step: int, horizon: int, at_most: int | None = None) -> Series:
        """Return what is known before a step: the instance from which to forecast that step.

        Parameters
        ----------
        step
            Position of the first step to forecast.
        horizon
            Steps to forecast, for which features known ahead are kept.
        at_most
            Steps of history to keep; None keeps all.
        """
        first = max(0, step - at_most) if at_most else 0
        steps = len(self.target)
        # a shorter related series ends with the target, so it is counted from the end
        end = {name: len(row) - steps for name, row in self.related.items()}
        return replace(
            self,
            start=self.start + first,
            target=self.target[first:step],
            dynamic_feat=self.dynamic_feat[:, first : step + horizon],
            related={
                name: row[max(0, first + end[name]) : max(0, step + end[name])]
                for name, row in self.related.items()
            },
        )

    @property
    def is_observed(self) -> bool:
        """Whether at least one value is not missing."""
        return bool(np.isfinite(self.target).any())


def _shortest(values: Floats) -> list[float | None]:
    """Return the shortest decimals that read back as the same values."""
    return [float(str(value)) if np.isfinite(value) else None for value in values]


def _start(value: Any, frequency: str, steps: int) -> pd.Period:
    expected = "start must be a time such as 2024-05-01 00:00:00"
    if not isinstance(value, str | date):  # Parquet may hold times, JSON only text
        raise SeriesError(f"{expected}; got {shown(value)}")
    if isinstance(value, str) and _TIME.fullmatch(value) is None:
        if _ZONE.search(value):
            raise SeriesError(f"start must have no time zone; got {shown(value)}")
        raise SeriesError(f"{expected}; got {shown(value)}")
    try:
        timestamp = pd.Timestamp(value)
    except ValueError:  # no such day or hour
        raise SeriesError(f"{expected}; got {shown(value)}") from None
    if timestamp.tzinfo is not None:
        raise SeriesError(f"start must have no time zone; got {shown(value)}")
    if not EARLIEST <= timestamp < LATEST:
        raise SeriesError(
            f"start must lie from {EARLIEST:%Y} to {LATEST:%Y}, excluded; got {shown(value)}"
        )
    start = pd.Period(timestamp, freq=frequency)
    if start + steps > pd.Period(LATEST, freq=frequency):
        raise SeriesError(
            f"target must end before {LATEST:%Y}; got {steps} values from {shown(value)}"
        )
    return start


def _values(value: Any, name: str, *, may_be_missing: bool) -> Floats:
    expected = f'{name} must be a list of numbers, null or "NaN"'
    if not isinstance(value, _LISTS):
        raise SeriesError(f"{name} must be a list of numbers; got {shown(value)}")
    numbers = [
        math.nan if one is None or (type(one) is str and one == _NAN) else one for one in value
    ]
    for kind in set(map(type, numbers)):
        if not issubclass(kind, int | float | np.number) or kind is bool:
            wrong = next(one for one in numbers if type(one) is kind)
            raise SeriesError(f"{expected}; got {shown(wrong)} in it")
    try:
        values = np.asarray(numbers, dtype=np.float64)
    except OverflowError:  # an integer of hundreds of digits
        values = np.full(1, np.inf)
    if (np.abs(values) > LARGEST).any():
        wrong = values[np.abs(values) > LARGEST][0]
        raise SeriesError(
            f"{name} must be finite, and from -{LARGEST:.0e} to {LARGEST:.0e}; got {wrong:g} in it"
        )
    if not may_be_missing and np.isnan(values).any():
        raise SeriesError(f"{name} must have no missing value")
    return values.astype(np.float32)


def _categories(value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    entries = value if isinstance(value, _LISTS) else [value]
    whole = (int, np.integer)
    if not all(
        isinstance(entry, whole) and not isinstance(entry, bool) and 0 <= entry <= LARGEST_CATEGORY
        for entry in entries
    ):
        raise SeriesError(
            f"cat must be a list of integers from 0 to {LARGEST_CATEGORY}; got {shown(value)}"
        )
    return tuple(int(entry) for entry in entries)


def _dynamic_features(value: Any) -> Floats:
    if value is None:
        return np.empty((0, 0), dtype=np.float32)
    if not isinstance(value, _LISTS):
        raise SeriesError(f"dynamic_feat must be a list of lists of numbers; got {shown(value)}")
    rows = [
        _values(row, f"dynamic_feat[{number}]", may_be_missing=False)
        for number, row in enumerate(value)
    ]
    if len({len(row) for row in rows}) > 1:
        raise SeriesError("dynamic_feat must hold lists of one length")
    return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


def _related(value: Any, steps: int) -> dict[str, Floats]:
    if value is None:
        return {}
    # Parquet's maps are read as pairs
    pairs = value.items() if isinstance(value, Mapping) else value
    try:
        named = {str(name): row for name, row in pairs}
    except (TypeError, ValueError):
        raise SeriesError(
            f"related must hold lists of numbers by name; got {shown(value)}"
        ) from None
    related = {}
    for name, row in named.items():
        where = f"related[{name:.40}]"
        related[name] = _values(row, where, may_be_missing=True)
        if len(related[name]) > steps:
            raise SeriesError(
                f"{where} must be no longer than target ({steps}); got {len(related[name])}"
            )
    return related
