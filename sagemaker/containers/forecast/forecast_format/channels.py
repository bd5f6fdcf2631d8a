"""Reads a channel: JSON Lines, plain or gzip, and Parquet.

Parquet holds the columns ``start``, ``target``, ``cat``, ``dynamic_feat`` and ``related`` with the
same meaning as the fields of a JSON line; other columns are ignored.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from container_runtime.errors import DataError, SeriesError

from forecast_format.series import Series

FIELDS = ("start", "target", "cat", "dynamic_feat", "related")


def read_channel(folder: Path, frequency: str) -> list[Series]:
    """Read every series of the channel, file by file in the order of their names.

    Raises
    ------
    DataError
        The channel is missing or empty, or a line is invalid; the message names file and line.
    """
    if not folder.is_dir():
        raise DataError(f"channel {folder.name!r} is missing")
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith((".", "_"))  # Spark's _SUCCESS and .crc
    )
    series = [
        one for path in files for one in _read_file(path, str(path.relative_to(folder)), frequency)
    ]
    if not series:
        raise DataError(f"channel {folder.name!r} holds no series")
    return series


def _read_file(path: Path, name: str, frequency: str) -> Iterator[Series]:
    for place, document in _documents(path, name):
        try:
            yield Series.parse(document, frequency)
        except SeriesError as error:
            raise DataError(f"{place}: {error}") from None


def _documents(path: Path, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each series' place, for error messages, and its fields."""
    if path.suffix == ".parquet":
        for number, row in enumerate(_rows(path, name), start=1):
            yield f"{name}, row {number}", row
        return
    if not path.name.endswith((".json", ".jsonl", ".json.gz", ".jsonl.gz", ".gz")):
        raise DataError(f"{name}: expected a name ending in .json, .jsonl, .json.gz or .parquet")
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    place = f"{name}, line {number}"
                    yield place, _json_line(line, place)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(f"{name}: cannot be read: {error}") from None


def _json_line(line: str, place: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not a JSON object: {error}") from None
    return document


def _rows(path: Path, name: str) -> Iterator[dict[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            columns = [name for name in FIELDS if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=64, columns=columns):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: not a Parquet file that can be read: {error}") from None
