"""Applies a stream's S3 destination: names and content of objects, and buffering hints."""

from __future__ import annotations

import gzip
import uuid
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ministack.services import firehose

DEFAULT_HINTS = {"SizeInMBs": 5, "IntervalInSeconds": 300}  # AWS's defaults

Destination = dict[str, Any]


def object_key(purpose: dict[str, Any], arrival: float) -> str:
    """Returns an object's key.

    It is ``<prefix><stream>-<version>-<yyyy-MM-dd-HH-mm-ss>-<uuid><extension>``, with the arrival
    of the oldest record as the time here and in the prefix
    (docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html).
    """
    destination = purpose["destination"]
    zone = ZoneInfo(destination.get("CustomTimeZone") or "UTC")
    then = datetime.fromtimestamp(arrival, UTC).astimezone(zone).timetuple()
    prefix = firehose._evaluate_prefix(destination.get("Prefix", ""), then)
    moment = firehose._java_time("yyyy-MM-dd-HH-mm-ss", then)
    compressed = ".gz" if destination.get("CompressionFormat") == "GZIP" else ""
    extension = destination.get("FileExtension") or compressed
    name = f"{purpose['stream']}-{purpose['version']}-{moment}-{uuid.uuid4()}"
    return f"{prefix}{name}{extension}"


def body(destination: Destination, records: list[bytes]) -> bytes:
    """Returns an object's content."""
    delimiter = appended_delimiter(destination)
    content = b"".join(record + delimiter for record in records)
    return gzip.compress(content) if destination.get("CompressionFormat") == "GZIP" else content


def appended_delimiter(destination: Destination) -> bytes:
    """Returns the delimiter that AppendDelimiterToRecord adds to each record, if enabled."""
    processing = destination.get("ProcessingConfiguration") or {}
    if not processing.get("Enabled"):
        return b""
    for processor in processing.get("Processors") or []:
        if processor["Type"] == "AppendDelimiterToRecord":
            parameters = processor.get("Parameters") or []
            named = {one["ParameterName"]: one["ParameterValue"] for one in parameters}
            delimiter: str = named.get("Delimiter", "\\n")
            return delimiter.encode().decode("unicode_escape").encode()
    return b""


def encryption(destination: Destination) -> dict[str, str]:
    """Returns PutObject's members for encryption with the stream's key."""
    kms = (destination.get("EncryptionConfiguration") or {}).get("KMSEncryptionConfig")
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms["AWSKMSKeyARN"]} if kms else {}


def hints(destination: Destination) -> tuple[int, int]:
    """Returns the size in bytes and the age in seconds, whichever first ends a batch."""
    given = {**DEFAULT_HINTS, **(destination.get("BufferingHints") or {})}
    return given["SizeInMBs"] * 1024 * 1024, given["IntervalInSeconds"]
