"""Reads the devices' recent hourly history and selects the part that a model may use."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from rest_api.problems import Problem, unavailable

from contracts.lake.locations import RECENT
from contracts.messages.telemetry import json_schema
from contracts.models.forecast_input import (
    AREA,
    RELATED_HOURS,
    RecentHistory,
    related_name,
)
from forecast_api.problems import (
    model_does_not_fit,
    no_history,
    origin_outside_history,
    unknown_device,
)
from forecast_api.requests import DevicesRequest, ForecastRequest

_HOUR = timedelta(hours=1)
_SUFFIX = ".json"
_DEVICE_ID = re.compile(json_schema()["properties"]["device_id"]["pattern"])
_PARALLEL_READS = 8
"""Number of objects read in parallel for a batch; botocore keeps ten connections."""


@dataclass(frozen=True)
class Device:
    """A device with history, last written at ``updated_at``."""

    device_id: str
    updated_at: datetime


@dataclass(frozen=True)
class DevicePage:
    """A page of devices; ``next_after`` requests the next page and is None on the last one."""

    devices: tuple[Device, ...]
    next_after: str | None


@dataclass(frozen=True)
class Series:
    """A model's input for one device and pollutant: a `RecentHistory` up to an origin.

    Values are Python's numbers and None, as the function has no NumPy. The container reads the
    request as a `forecast_format.series.Series`.

    Parameters
    ----------
    start
        First hour of ``target``, UTC.
    target
        Hourly means in µg/m³ up to the hour before ``origin``; None is a gap.
    cat
        DeepAR's categories.
    origin
        First hour to forecast, UTC.
    related
        Series of the last hours before ``origin``, by their names in
        `contracts.models.forecast_input`.
    """

    start: datetime
    target: tuple[float | None, ...]
    cat: tuple[int, ...]
    origin: datetime
    related: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)


class HistorySource(Protocol):
    """Source of history."""

    def recent(self, device_ids: Collection[str]) -> dict[str, RecentHistory | Problem]:
        """Return the history of each device, or the reason why there is none."""

    def devices(self, request: DevicesRequest) -> DevicePage:
        """Return a page of the devices that have history."""


def series_before_origin(history: RecentHistory, request: ForecastRequest) -> Series:
    """Return the series for a request, without any value at or after its origin.

    Raises
    ------
    Problem
        400 if the origin is outside the history, 404 if no value is left to forecast from, 409 if
        the training data did not have the series.
    """
    start = history.first_hour
    end = start + _hours_with_data(history) * _HOUR
    origin = request.origin or end
    if end == start:
        raise no_history(history.device_id, request.pollutant, _text(origin))
    if not start < origin <= end:
        raise origin_outside_history(
            f"must be after {_text(start)} and no later than {_text(end)}, which is the hour "
            f"after the last one with data; got {_text(origin)}"
        )
    known = (origin - start) // _HOUR
    target = tuple(history.target.get(request.pollutant, ())[:known])
    if all(value is None for value in target):
        raise no_history(history.device_id, request.pollutant, _text(origin))
    if request.pollutant not in history.cat:
        raise model_does_not_fit(
            f"{request.pollutant} of {history.device_id!r} was not in the training data"
        )
    cat = tuple(history.cat[request.pollutant])
    return Series(start, target, cat, origin, _related(history, request.pollutant, known))


def _related(
    history: RecentHistory, pollutant: str, known: int
) -> dict[str, tuple[float | None, ...]]:
    """Return the series related to a pollutant, over the last of the known hours."""
    rows = {AREA: history.area.get(pollutant, [])} | {
        related_name(cat[-1]): history.target[other]
        for other, cat in history.cat.items()
        if other != pollutant
    }
    return {name: tuple(row[max(0, known - RELATED_HOURS) : known]) for name, row in rows.items()}


def _hours_with_data(history: RecentHistory) -> int:
    """Return the number of hours from the start to the last one with any value."""
    return max(
        (
            hour + 1
            for target in history.target.values()
            for hour, value in enumerate(target)
            if value is not None
        ),
        default=0,
    )


def _text(hour: datetime) -> str:
    return hour.strftime("%Y-%m-%dT%H:%M:%SZ")


class S3History:
    """History as the series job writes it: one object per device.

    Parameters
    ----------
    s3
        Boto3 client of S3.
    bucket
        The curated bucket.
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def recent(self, device_ids: Collection[str]) -> dict[str, RecentHistory | Problem]:
        """Read each device's object, several in parallel."""
        unique = sorted(set(device_ids))
        if len(unique) == 1:
            return {unique[0]: self._read(unique[0])}
        with ThreadPoolExecutor(_PARALLEL_READS) as pool:
            return dict(zip(unique, pool.map(self._read, unique), strict=True))

    def devices(self, request: DevicesRequest) -> DevicePage:
        """List the objects' keys until the page is full."""
        try:
            found = []
            for device in self._list(request.after):
                found.append(device)
                if len(found) > request.limit:
                    break
        except (ClientError, BotoCoreError) as error:
            raise _refusal(error) from error
        page = tuple(found[: request.limit])
        more = len(found) > request.limit
        return DevicePage(page, page[-1].device_id if more else None)

    def _read(self, device_id: str) -> RecentHistory | Problem:
        key = _key(device_id)
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return unknown_device(device_id)
        except ClientError as error:
            # If the role may list only a prefix, S3 returns 403 for a missing object.
            if error.response["Error"]["Code"] == "AccessDenied" and not self._exists(key):
                return unknown_device(device_id)
            raise _refusal(error) from error
        except BotoCoreError as error:
            raise _refusal(error) from error
        return RecentHistory.from_json(body.decode())

    def _exists(self, key: str) -> bool:
        page = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        return any(item["Key"] == key for item in page.get("Contents", ()))

    def _list(self, after: str | None) -> Iterator[Device]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket,
            Prefix=RECENT.prefix,
            Delimiter="/",
            StartAfter=_key(after) if after else RECENT.prefix,
        )
        for page in pages:
            for item in page.get("Contents", ()):
                device_id = item["Key"][len(RECENT.prefix) :].removesuffix(_SUFFIX)
                # Writers also create marker objects, which are not devices.
                if item["Key"].endswith(_SUFFIX) and _DEVICE_ID.fullmatch(device_id):
                    yield Device(device_id, item["LastModified"])


def _key(device_id: str) -> str:
    return f"{RECENT.prefix}{device_id}{_SUFFIX}"


def _refusal(error: ClientError | BotoCoreError) -> Exception:
    """Return a problem for a transient failure of S3, and the error itself for any other."""
    refused = isinstance(error, ClientError) and (
        error.response["ResponseMetadata"].get("HTTPStatusCode", 0) < 500
    )
    fault: Exception = error
    return fault if refused else unavailable("the history cannot be read")
