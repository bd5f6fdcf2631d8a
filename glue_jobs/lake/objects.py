"""Reads and writes one small object atomically, on S3 or on a disk.

It is for single objects, such as the API's history of a device; Spark reads and writes tables.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from contracts.lake.locations import bucket_and_key


def put_object(uri: str, content: str | bytes) -> None:
    """Write a JSON text, or bytes, to ``s3://`` or ``file://``."""
    body, kind = (
        (content.encode(), "application/json")
        if isinstance(content, str)
        else (content, "application/octet-stream")
    )
    place = _place(uri)
    if isinstance(place, Path):
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.draft")
        draft.write_bytes(body)
        draft.replace(place)
    else:
        _s3().put_object(**place, Body=body, ContentType=kind)


def get_object(uri: str) -> bytes | None:
    """Read an object at ``s3://`` or ``file://``; None if it does not exist."""
    place = _place(uri)
    if isinstance(place, Path):
        return place.read_bytes() if place.exists() else None
    try:
        body: bytes = _s3().get_object(**place)["Body"].read()
    except _s3().exceptions.NoSuchKey:
        return None
    return body


def _place(uri: str) -> Path | dict[str, str]:
    """Return a path, or bucket and key."""
    if uri.startswith("file://"):
        return Path(uri.removeprefix("file://"))
    bucket, key = bucket_and_key(uri)
    return {"Bucket": bucket, "Key": key}


@functools.cache
def _s3() -> Any:
    """Return the process's only client."""
    import boto3  # noqa: PLC0415 (not needed where a disk is written to)

    return boto3.client("s3")
