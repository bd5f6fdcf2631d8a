"""Finds arrival times of raw messages from their folders: ``YYYY/MM/DD/HH/``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from contracts.lake import locations
from contracts.names import Names
from glue_jobs.lake.folders import HOUR_DEPTH, arrival_folders
from glue_jobs.operator.errors import JobFailedError, NoEstateError

PLACES = (locations.RAW_TELEMETRY, locations.RAW_RULE_ERRORS)


class Arrivals:
    """Arrivals in the raw bucket. Listings are cached; create a new object to see new arrivals.

    Parameters
    ----------
    s3
        boto3 client of S3.
    """

    def __init__(self, s3: Any, names: Names) -> None:
        self._s3 = s3
        self._names = names
        self._listed = cache(lambda purpose, prefix: list(self._folders(purpose, prefix)))

    def any_in(self, start: datetime, end: datetime) -> bool:
        """Return whether messages or rule errors arrived in ``[start, end)``, by whole hours."""
        return any(
            arrival_folders(partial(self._listed, place.purpose), place.prefix, start, end)
            for place in PLACES
        )

    def first_hour(self) -> datetime:
        """Return the first hour with messages or errors.

        Raises
        ------
        JobFailedError
            There are none.
        """
        found = [hour for place in PLACES if (hour := self._first_hour(place)) is not None]
        if not found:
            raise JobFailedError(
                f"there are no messages in {locations.RAW_TELEMETRY.uri(self._names)}; run "
                f"`make device ENV={self._names.environment}` first, and wait until Firehose has "
                "delivered"
            )
        return min(found)

    def _first_hour(self, place: locations.Location) -> datetime | None:
        prefix, parts = place.prefix, []
        for _ in range(HOUR_DEPTH):  # names of folders sort by time
            names = sorted(n for n in self._folders(place.purpose, prefix) if n.isdecimal())
            if not names:
                return None
            parts.append(int(names[0]))
            prefix = f"{prefix}{names[0]}/"
        year, month, day, hour = parts
        return datetime(year, month, day, hour, tzinfo=UTC)

    def _folders(self, purpose: str, prefix: str) -> Iterator[str]:
        bucket = self._names.bucket(purpose)
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, Delimiter="/"
        )
        try:
            for page in pages:
                for folder in page.get("CommonPrefixes", []):
                    yield folder["Prefix"].removeprefix(prefix).rstrip("/")
        except self._s3.exceptions.NoSuchBucket:
            raise NoEstateError(f"the bucket {bucket}", self._names) from None
