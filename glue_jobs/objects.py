"""Write one small object, whole or not at all, to S3 or to a disk.

For what is read one by one, such as the API's history of a device; Spark writes tables.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PutObject = Callable[[str, str | bytes], None]
"""Writes a JSON text, or bytes, to a URI."""


def object_writer() -> PutObject:
    """A writer for ``s3://`` and ``file://``; it keeps its client, so make one a partition."""
    clients: list[Any] = []

    def put(uri: str, content: str | bytes) -> None:
        parts = urlsplit(uri)
        body, kind = (
            (content.encode(), "application/json")
            if isinstance(content, str)
            else (content, "application/octet-stream")
        )
        if parts.scheme == "s3":
            if not clients:
                import boto3  # noqa: PLC0415 (not needed where a disk is written to)

                clients.append(boto3.client("s3"))
            clients[0].put_object(
                Bucket=parts.netloc,
                Key=parts.path.lstrip("/"),
                Body=body,
                ContentType=kind,
            )
        elif parts.scheme == "file":
            path = Path(uri.removeprefix("file://"))
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.draft")
            draft.write_bytes(body)
            draft.replace(path)
        else:
            raise ValueError(f"expected a URI beginning with s3:// or file://; got {uri}")

    return put
