from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from contracts.lake import locations
from contracts.names import Names


def test_location_is_an_s3_uri_in_the_bucket_of_its_purpose() -> None:
    names = Names("local", "000000000000", "eu-west-1")
    assert locations.TELEMETRY.uri(names) == "s3://lakecast-local-curated-000000000000/telemetry/"


def test_arrival_is_in_utc_whatever_the_zone() -> None:
    beijing = timezone(timedelta(hours=8))
    assert (
        locations.arrival_prefix(datetime(2026, 11, 21, 3, 30, tzinfo=beijing)) == "2026/11/20/19/"
    )


def test_a_window_covers_each_hour_it_touches_and_no_other() -> None:
    start = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)
    end = datetime(2027, 1, 1, 1, 0, tzinfo=UTC)
    assert locations.arrival_prefixes(start, end) == [
        "2026/12/31/22/",
        "2026/12/31/23/",
        "2027/01/01/00/",
    ]


def test_an_empty_window_has_no_hours() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert locations.arrival_prefixes(start, start) == []
