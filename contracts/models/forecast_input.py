"""The input of a forecast, shared by the series job, the model and the API.

The endpoint's request and response are those of SageMaker's DeepAR; `instance` and
`configuration` build the two halves of a request:
https://docs.aws.amazon.com/sagemaker/latest/dg/deepar-in-formats.html
An instance may also have the field ``related``, which DeepAR ignores: series by name, in µg/m³,
that end at the same hour as the target. They are the device's other pollutants (`related_name`) and
`AREA`. Channels do not contain them; a container computes them from the channel's series.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

FREQUENCY = "H"
"""DeepAR's ``time_freq``."""

HORIZON = 24
"""Forecast horizon in hours: DeepAR's ``prediction_length``."""

QUANTILES = tuple(f"{level / 10:.1f}" for level in range(1, 10))
"""Quantiles that are published and available through the API, as DeepAR writes them."""

DEFAULT_QUANTILES = ("0.1", "0.5", "0.9")
"""Quantiles of a forecast through the API if a request names none; the OpenAPI document has the
same default."""

BANDS: Mapping[int, tuple[float, float]] = {50: (0.25, 0.75), 80: (0.1, 0.9), 95: (0.025, 0.975)}
"""Prediction intervals for evaluation, by nominal coverage in percent: their bounding quantiles."""

JUDGED_QUANTILES = tuple(
    sorted({*QUANTILES, *(str(bound) for bounds in BANDS.values() for bound in bounds)}, key=float)
)
"""Quantiles requested from a model for its evaluation: `QUANTILES` and the bounds of `BANDS`."""

NUM_SAMPLES = 100
"""Number of sample paths that quantiles are estimated from: DeepAR's default."""

RECENT_HOURS = 61 * 24
"""Hours of history kept for the API. DeepAR's hourly lags look back 721 hours before its context,
and ``origin`` may lie a few weeks back."""

RELATED_HOURS = 28 * 24
"""Hours of related series in an instance: as far back as a model reads them."""

AREA = "area"
"""Related series: the mean of the same pollutant over all devices that ever measured it; missing in
hours in which fewer than `enough_for_area` devices have a value."""

CHANNEL_FORMATS = ("parquet", "jsonl")
"""Formats of DeepAR's channels; a file's suffix identifies its format."""

START_FORMAT = "%Y-%m-%d %H:%M:%S"
"""Format of DeepAR's ``start``. It has no time zone; Lakecast uses UTC."""


def enough_for_area(devices: int) -> int:
    """Returns the number of devices that `AREA` needs: a quarter of ``devices``, at least one.

    ``devices`` is the number of devices that ever measured the pollutant. With fewer values, the
    mean would jump whenever a device stops sending.
    """
    return max(1, devices // 4)


def related_name(category: int) -> str:
    """Returns the name of a pollutant's related series, by the pollutant's category."""
    return f"pollutant-{category}"


def instance(
    start: datetime,
    target: Iterable[float | None],
    cat: Iterable[int] = (),
    *,
    dynamic_feat: Iterable[Iterable[float | None]] = (),
    related: Mapping[str, Iterable[float | None]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Returns a series as it is written in a request or a JSON Lines channel.

    Missing values (None or NaN) are written as ``"NaN"``. Empty fields are omitted, but not the
    target.

    Parameters
    ----------
    start
        Time of the first value, UTC.
    """
    fields = {
        "start": f"{start:{START_FORMAT}}",
        "target": _numbers(target),
        "cat": list(cat),
        "dynamic_feat": [_numbers(row) for row in dynamic_feat],
        "related": {name: _numbers(row) for name, row in related.items()},
    }
    return {name: value for name, value in fields.items() if value or name == "target"}


def configuration(
    quantiles: Iterable[str], *, samples: int = NUM_SAMPLES, with_mean: bool = True
) -> dict[str, Any]:
    """Returns the requested outputs, for a request or a transform job's environment."""
    return {
        "num_samples": samples,
        "output_types": [*(("mean",) if with_mean else ()), "quantiles"],
        "quantiles": list(quantiles),
    }


def _numbers(values: Iterable[float | None]) -> list[float | str]:
    return ["NaN" if value is None or value != value else value for value in values]  # noqa: PLR0124


@dataclass(frozen=True)
class CategoryIndex:
    """Integers that encode devices and pollutants in ``cat = [device, pollutant]``.

    An integer is a position in the index, so a model is valid only with an index that starts with
    the one it was trained with. For this reason an index only grows at its ends.
    """

    devices: tuple[str, ...]
    pollutants: tuple[str, ...]

    @classmethod
    def of(cls, devices: Iterable[str], pollutants: Iterable[str]) -> CategoryIndex:
        """Builds a new index: devices sorted, pollutants in the given order."""
        return cls((), ()).extended(devices, pollutants)

    def extended(self, devices: Iterable[str], pollutants: Iterable[str]) -> CategoryIndex:
        """Returns the index with missing entries appended: devices sorted, pollutants as given."""
        return CategoryIndex(
            (*self.devices, *sorted(set(devices) - set(self.devices))),
            (*self.pollutants, *(p for p in pollutants if p not in self.pollutants)),
        )

    def begins_with(self, other: CategoryIndex) -> bool:
        """Returns whether the index starts with all entries of the other."""
        return (
            self.devices[: len(other.devices)] == other.devices
            and self.pollutants[: len(other.pollutants)] == other.pollutants
        )

    def cat(self, device_id: str, pollutant: str) -> list[int]:
        """Returns the categories of a series.

        Raises
        ------
        KeyError
            The model was trained without that device or pollutant.
        """
        for kind, value, known in (
            ("device", device_id, self.devices),
            ("pollutant", pollutant, self.pollutants),
        ):
            if value not in known:
                raise KeyError(f"{kind} {value!r} is not in the category index")
        return [self.devices.index(device_id), self.pollutants.index(pollutant)]

    def to_json(self) -> str:
        return json.dumps(
            {"devices": self.devices, "pollutants": self.pollutants}, indent=2, allow_nan=False
        )

    @classmethod
    def from_json(cls, text: str) -> CategoryIndex:
        document = json.loads(text)
        return cls(tuple(document["devices"]), tuple(document["pollutants"]))


@dataclass(frozen=True)
class RecentHistory:
    """The last hours of one device, as the series job stores them for the API.

    Readers convert it: `forecast_api.history.Series` holds what a model may see of one pollutant,
    `evaluation_container.nightly.recent_histories.Device` holds arrays that end at one origin.

    Parameters
    ----------
    start
        First hour of every target, `START_FORMAT`, UTC.
    target
        Hourly means in µg/m³ for each pollutant, gaps as None; all of equal length.
    cat
        DeepAR's categories for each pollutant.
    area
        `AREA` of each pollutant, as long as the targets.
    """

    device_id: str
    start: str
    target: dict[str, list[float | None]]
    cat: dict[str, list[int]]
    area: dict[str, list[float | None]] = field(default_factory=dict)

    @property
    def first_hour(self) -> datetime:
        """Returns `start` as a time, in UTC."""
        return datetime.strptime(self.start, START_FORMAT).replace(tzinfo=UTC)

    def to_json(self) -> str:
        return json.dumps(
            {
                "device_id": self.device_id,
                "start": self.start,
                "target": self.target,
                "cat": self.cat,
                "area": self.area,
            },
            separators=(",", ":"),
            allow_nan=False,
        )

    @classmethod
    def from_json(cls, text: str) -> RecentHistory:
        document = json.loads(text)
        return cls(
            document["device_id"],
            document["start"],
            document["target"],
            document["cat"],
            document.get("area", {}),  # absent in histories written by older versions
        )
