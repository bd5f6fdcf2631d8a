from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.lake import locations
from contracts.names import Names


def test_location_is_an_s3_uri_in_the_bucket_of_its_purpose() -> None:
    names = Names("local", "000000000000", "eu-west-1")
    assert locations.TELEMETRY.uri(names) == "s3://lakecast-local-curated-000000000000/telemetry/"


def test_arrival_is_in_utc_for_any_time_zone() -> None:
    beijing = timezone(timedelta(hours=8))
    assert (
        locations.arrival_prefix(datetime(2026, 11, 21, 3, 30, tzinfo=beijing)) == "2026/11/20/19/"
    )


@given(st.text("abc-.0", min_size=3), st.text(min_size=1))
@example("bucket", "a?b#c/d")
@example("bucket", "prefix/")
def test_an_s3_uri_is_split_into_bucket_and_key(bucket: str, key: str) -> None:
    assert locations.bucket_and_key(f"s3://{bucket}/{key}") == (bucket, key)


@pytest.mark.parametrize(
    "uri", ["", "s3://", "s3://bucket", "s3://bucket/", "s3:///key", "file:///key", "bucket/key"]
)
def test_an_invalid_s3_uri_is_rejected(uri: str) -> None:
    with pytest.raises(ValueError, match=f"s3://bucket/key; got '{uri}'"):
        locations.bucket_and_key(uri)


def test_the_key_of_a_device_stays_in_its_folder() -> None:
    assert locations.recent_key("north:1_a-b") == "north:1_a-b.json"
    for name in ("../../../escaped", "a/b", "a\0b", "x" * 129, "", ".", "ä", "a\n"):
        with pytest.raises(ValueError, match="expected a device's name"):
            locations.recent_key(name)
