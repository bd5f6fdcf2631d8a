"""One time series in DeepAR's format, with a check of every field.

https://docs.aws.amazon.com/sagemaker/latest/dg/deepar.html#deepar-inputoutput
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from container_runtime.errors import SeriesError

from contracts.models.forecast_input import instance

Floats = npt.NDArray[np.float32]


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
            raise SeriesError(f"expected an object with start and target; got {document!r:.60}")
        for name in ("start", "target"):
            if document.get(name) is None:
                raise SeriesError(f"{name} is missing")
        return cls(
            start=_start(document["start"], frequency),
            target=_values(document["target"], "target", may_be_missing=True),
            cat=_categories(document.get("cat")),
            dynamic_feat=_dynamic_features(document.get("dynamic_feat")),
            related=_related(document.get("related"), len(document["target"])),
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


def _start(value: Any, frequency: str) -> pd.Period:
    try:
        timestamp = pd.Timestamp(value)
    except (ValueError, TypeError):
        timestamp = pd.NaT
    if timestamp is pd.NaT:
        raise SeriesError(f"start must be a time such as 2024-05-01 00:00:00; got {value!r:.60}")
    if timestamp.tzinfo is not None:
        raise SeriesError(f"start must have no time zone; got {value!r:.60}")
    return pd.Period(timestamp, freq=frequency)


def _values(value: Any, name: str, *, may_be_missing: bool) -> Floats:
    if isinstance(value, str) or not hasattr(value, "__len__"):
        raise SeriesError(f"{name} must be a list of numbers; got {value!r:.60}")
    values = _as_floats(value)
    if values is None:
        raise SeriesError(f'{name} must be a list of numbers, null or "NaN"')
    if np.isinf(values).any():
        raise SeriesError(f"{name} must be finite; got an infinite number")
    if not may_be_missing and np.isnan(values).any():
        raise SeriesError(f"{name} must have no missing value")
    return values


def _as_floats(values: Any) -> Floats | None:
    """Return the numbers, NaN where one is missing; None if a value is not a number."""
    try:
        numbers = np.asarray([np.nan if v is None or v == "NaN" else v for v in values])
    except ValueError:  # it holds lists of different lengths
        return None
    if numbers.ndim != 1 or (len(numbers) and numbers.dtype.kind not in "fiu"):
        return None
    return numbers.astype(np.float32)


def _categories(value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    entries = [value] if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(entries, str) or not hasattr(entries, "__len__"):
        raise SeriesError(f"cat must be a list of integers from 0; got {value!r:.60}")
    whole = (int, np.integer)
    if not all(isinstance(e, whole) and not isinstance(e, bool) and e >= 0 for e in entries):
        raise SeriesError(f"cat must be a list of integers from 0; got {list(entries)!r:.60}")
    return tuple(int(entry) for entry in entries)


def _dynamic_features(value: Any) -> Floats:
    if value is None or (hasattr(value, "__len__") and not len(value)):
        return np.empty((0, 0), dtype=np.float32)
    if isinstance(value, str) or not hasattr(value, "__len__"):
        raise SeriesError(f"dynamic_feat must be a list of lists of numbers; got {value!r:.60}")
    rows = [
        _values(row, f"dynamic_feat[{number}]", may_be_missing=False)
        for number, row in enumerate(value)
    ]
    if len({len(row) for row in rows}) > 1:
        raise SeriesError("dynamic_feat must hold lists of one length")
    return np.stack(rows)


def _related(value: Any, steps: int) -> dict[str, Floats]:
    if value is None:
        return {}
    # Parquet's maps are read as pairs
    pairs = value.items() if isinstance(value, Mapping) else value
    try:
        named = {str(name): row for name, row in pairs}
    except (TypeError, ValueError):
        raise SeriesError(
            f"related must hold lists of numbers by name; got {value!r:.60}"
        ) from None
    related = {}
    for name, row in named.items():
        related[name] = _values(row, f"related[{name}]", may_be_missing=True)
        if len(related[name]) > steps:
            raise SeriesError(
                f"related[{name}] must be no longer than target ({steps}); got {len(row)}"
            )
    return related
