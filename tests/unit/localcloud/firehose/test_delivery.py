"""Tests of Firehose's object names and delimiters."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from localcloud.services.firehose.s3_destination import appended_delimiter, object_key
from localcloud.services.firehose.service import buffered_here

ARRIVAL = datetime(2026, 1, 31, 23, 30, 5, tzinfo=UTC).timestamp()
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.mark.parametrize(
    ("destination", "pattern"),
    [
        ({}, r"2026/01/31/23/s-3-2026-01-31-23-30-05-{uuid}"),
        ({"Prefix": "a/"}, r"a/2026/01/31/23/s-3-2026-01-31-23-30-05-{uuid}"),
        (
            {"Prefix": "a/!{timestamp:yyyy/MM/dd/HH}/", "CompressionFormat": "GZIP"},
            r"a/2026/01/31/23/s-3-2026-01-31-23-30-05-{uuid}\.gz",
        ),
        (
            {"Prefix": "d=!{timestamp:yyyy-MM-dd}/h=!{timestamp:HH}/", "FileExtension": ".json.gz"},
            r"d=2026-01-31/h=23/s-3-2026-01-31-23-30-05-{uuid}\.json\.gz",
        ),
        (
            {"Prefix": "r/!{firehose:random-string}/!{timestamp:dd}/"},
            r"r/[0-9a-f]{{11}}/31/s-3-2026-01-31-23-30-05-{uuid}",
        ),
        (
            {"Prefix": "!{timestamp:yyyy/MM/dd/HH}/", "CustomTimeZone": "Asia/Tokyo"},
            r"2026/02/01/08/s-3-2026-02-01-08-30-05-{uuid}",
        ),
    ],
)
def test_objects_are_named_by_the_arrival_of_their_oldest_record(
    destination: dict[str, Any], pattern: str
) -> None:
    purpose = {"stream": "s", "version": 3, "destination": destination}
    assert re.fullmatch(pattern.format(uuid=UUID), object_key(purpose, ARRIVAL))


def processing(*processors: dict[str, Any], enabled: bool = True) -> dict[str, Any]:
    return {"ProcessingConfiguration": {"Enabled": enabled, "Processors": list(processors)}}


def delimiter(value: str) -> dict[str, Any]:
    parameters = [{"ParameterName": "Delimiter", "ParameterValue": value}]
    return {"Type": "AppendDelimiterToRecord", "Parameters": parameters}


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ({}, b""),
        (processing(delimiter("\\n"), enabled=False), b""),
        (processing(delimiter("\\n")), b"\n"),
        (processing(delimiter("\\r\\n")), b"\r\n"),
        (processing(delimiter("|")), b"|"),
        (processing({"Type": "AppendDelimiterToRecord"}), b"\n"),
    ],
)
def test_the_delimiter_is_the_processors_value(
    destination: dict[str, Any], expected: bytes
) -> None:
    assert appended_delimiter(destination) == expected


@pytest.mark.parametrize(
    ("destination", "here"),
    [
        ({}, True),
        (processing(delimiter("\\n")), True),
        (processing({"Type": "Lambda", "Parameters": []}), False),
        (processing({"Type": "Lambda", "Parameters": []}, enabled=False), True),
        ({"DynamicPartitioningConfiguration": {"Enabled": True}}, False),
        ({"DataFormatConversionConfiguration": {"Enabled": True}}, False),
    ],
)
def test_ministack_serves_streams_that_change_their_records(
    destination: dict[str, Any], here: bool
) -> None:
    stream = {"destinations": [{"type": "ExtendedS3", "config": destination}]}
    assert buffered_here(stream) is here


def test_ministack_serves_streams_without_an_s3_destination() -> None:
    assert not buffered_here({"destinations": []})
    assert not buffered_here({"destinations": [{"type": "HttpEndpoint", "config": {}}]})
