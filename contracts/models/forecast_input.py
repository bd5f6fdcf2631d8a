"""What the series job, the model and the API agree on about a forecast's input.

The request and the answer of the endpoint are those of SageMaker's DeepAR; `instance` and
`configuration` build the two halves of a request:
https://docs.aws.amazon.com/sagemaker/latest/dg/deepar-in-formats.html
An instance may bring the field ``related`` too, which DeepAR ignores: series of the same hours by
name, in µg/m³, that end with the target. They are the device's other pollutants, by `related_name`,
and `AREA`. Channels do not repeat them: a container that reads them makes them of the channel's own
series.
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
"""Hours that a model forecasts: DeepAR's ``prediction_length``."""

QUANTILES = tuple(f"{level / 10:.1f}" for level in range(1, 10))
"""Quantiles that are published and can be asked for through the API, as DeepAR writes them."""

BANDS: Mapping[int, tuple[float, float]] = {50: (0.25, 0.75), 80: (0.1, 0.9), 95: (0.025, 0.975)}
"""Intervals that are judged, by their width in percent: the quantiles that bound them."""

JUDGED_QUANTILES = tuple(
    sorted({*QUANTILES, *(str(bound) for bounds in BANDS.values() for bound in bounds)}, key=float)
)
"""Quantiles that a model is asked for where it is judged: `QUANTILES` and the bounds of `BANDS`."""

NUM_SAMPLES = 100
"""Sample paths that quantiles are read from: DeepAR's default."""

RECENT_HOURS = 61 * 24
"""Hours of history kept for the API. DeepAR's hourly lags look back 721 hours before its context,
and ``origin`` may lie a few weeks back."""

RELATED_HOURS = 28 * 24
"""Hours of related series that an instance brings: as far as a model looks back in them."""

AREA = "area"
"""Related series: the mean of the same pollutant over all devices that ever measured it, missing
where fewer than `enough_for_area` have a value."""

CHANNEL_FORMATS = ("parquet", "jsonl")
"""Formats of DeepAR's channels; a file's name tells which it is of."""

START_FORMAT = "%Y-%m-%d %H:%M:%S"
"""DeepAR's ``start``: no time zone; ours is UTC."""


def enough_for_area(devices: int) -> int:
    """How many of the devices that ever measured a pollutant `AREA` needs: a quarter, at least one.

    Below that, the mean would jump with each device that falls silent.
    """
    return max(1, devices // 4)


def related_name(category: int) -> str:
    """Name of the related series that holds a pollutant, by the pollutant's category."""
    return f"pollutant-{category}"


def instance(
    start: datetime,
    target: Iterable[float | None],
    cat: Iterable[int] = (),
    *,
    dynamic_feat: Iterable[Iterable[float | None]] = (),
    related: Mapping[str, Iterable[float | None]] = MappingProxyType({}),
) -> dict[str, Any]:
    """A series as a request or a channel in JSON Lines holds it.

    What is missing, None or NaN, is written ``"NaN"``. Empty fields are left out, but the target.

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
    """What is asked of each series, as a request or a transform job's environment holds it."""
    return {
        "num_samples": samples,
        "output_types": [*(("mean",) if with_mean else ()), "quantiles"],
        "quantiles": list(quantiles),
    }


def _numbers(values: Iterable[float | None]) -> list[float | str]:
    return ["NaN" if value is None or value != value else value for value in values]  # noqa: PLR0124


@dataclass(frozen=True)
class CategoryIndex:
    """Which integer stands for which device and which pollutant in ``cat = [device, pollutant]``.

    Indices are positions, so a model is only valid with an index that begins with the one it was
    trained with. That is why an index grows at its ends and never loses or moves an entry.
    """

    devices: tuple[str, ...]
    pollutants: tuple[str, ...]

    @classmethod
    def of(cls, devices: Iterable[str], pollutants: Iterable[str]) -> CategoryIndex:
        """A new index: devices sorted, pollutants as they come."""
        return cls((), ()).extended(devices, pollutants)

    def extended(self, devices: Iterable[str], pollutants: Iterable[str]) -> CategoryIndex:
        """This index with what it lacks appended, sorted devices and pollutants as they come."""
        return CategoryIndex(
            (*self.devices, *sorted(set(devices) - set(self.devices))),
            (*self.pollutants, *(p for p in pollutants if p not in self.pollutants)),
        )

    def begins_with(self, other: CategoryIndex) -> bool:
        """Whether all of the other's positions mean the same here."""
        return (
            self.devices[: len(other.devices)] == other.devices
            and self.pollutants[: len(other.pollutants)] == other.pollutants
        )

    def cat(self, device_id: str, pollutant: str) -> list[int]:
        """Categories of a series.

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
        return json.dumps({"devices": self.devices, "pollutants": self.pollutants}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> CategoryIndex:
        document = json.loads(text)
        return cls(tuple(document["devices"]), tuple(document["pollutants"]))


@dataclass(frozen=True)
class RecentHistory:
    """The last hours of one device, as the series job leaves them for the API: what is stored.

    Readers make of it what they compute with: `forecast_api.history.Series`, what a model may see
    of one pollutant, and `evaluation_container.nightly.recent_histories.Device`, arrays that all
    end with one origin.

    Parameters
    ----------
    start
        First hour of every target, `START_FORMAT`, UTC.
    target
        Hourly means in µg/m³ for each pollutant, gaps as None; all of one length.
    cat
        DeepAR's categories for each pollutant.
    area
        `AREA` of each pollutant, of the targets' length.
    """

    device_id: str
    start: str
    target: dict[str, list[float | None]]
    cat: dict[str, list[int]]
    area: dict[str, list[float | None]] = field(default_factory=dict)

    @property
    def first_hour(self) -> datetime:
        """`start` as a time, UTC."""
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
        )

    @classmethod
    def from_json(cls, text: str) -> RecentHistory:
        document = json.loads(text)
        return cls(
            document["device_id"],
            document["start"],
            document["target"],
            document["cat"],
            document.get("area", {}),  # of histories written before there was one
        )
