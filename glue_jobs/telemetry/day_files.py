"""Writes packed readings to Parquet files, one per day and bucket, with each identity once.

The files belong to no table until `glue_jobs.lake.delta.commit` adds them.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs
import pyarrow.parquet as pq
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from glue_jobs.lake.delta import DataFile
from glue_jobs.telemetry.packing import READING, Positions, unpacked

TIES = ("received_at", "timestamp")
"""Columns that first decide which duplicate is kept; then all other columns follow in order."""

_RESULT = pa.schema(
    [
        *((name, pa.string()) for name in ("path", "date")),
        *((name, pa.int64()) for name in ("rows", "size")),
        *((name, pa.string()) for name in ("device_id", "boot_id")),
        *((name, pa.int64()) for name in ("first", "last")),
    ]
)
_RESULT_COLUMNS = (
    "path string, date string, rows bigint, size bigint, "
    "device_id string, boot_id string, first bigint, last bigint"
)


def write_days(packed: DataFrame, uri: str, run: str) -> tuple[list[DataFile], DataFrame]:
    """Write at least one packed reading to files that have each identity once.

    Parameters
    ----------
    packed
        Columns of `glue_jobs.telemetry.packing.COLUMNS`, without reasons.
    uri
        URI of the table, ending in a slash.
    run
        Id of the run, for people who inspect the files; each call writes a separate folder.

    Returns
    -------
    list of DataFile, DataFrame
        The files, and the ranges of sequences per start of a device and day: ``device_id``,
        ``boot_id``, ``day``, ``first``, ``last``. The caller unpersists the DataFrame.
    """
    folder = f"{run}-{secrets.token_hex(4)}/"

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        payloads: dict[tuple[str, int], list[bytes]] = defaultdict(list)
        for batch in batches:
            for date, bucket, payload in zip(*(c.to_pylist() for c in batch), strict=True):
                payloads[date, bucket].append(payload)
        files = FileSink(uri)
        for date, bucket in sorted(payloads):
            readings, keys = each_once(unpacked(payloads.pop((date, bucket))))
            path = f"{folder}date={date}/{bucket:05}-{secrets.token_hex(8)}.parquet"
            size = files.write(path, readings)
            yield _result(path=[path], date=[date], rows=[readings.num_rows], size=[size])
            yield _ranges(date, readings, keys)

    written = (
        packed.select("date", "bucket", "payload")
        .repartition("date", "bucket")
        .mapInArrow(write, _RESULT_COLUMNS)
        .persist(StorageLevel.MEMORY_AND_DISK)  # otherwise the files would be written twice
    )
    found = written.where("path IS NOT NULL").select("path", "date", "rows", "size").collect()
    ranges = written.where("path IS NULL").select(
        "device_id", "boot_id", F.col("date").alias("day"), "first", "last"
    )
    return sorted((DataFile(**row.asDict()) for row in found), key=lambda file: file.path), ranges


def each_once(readings: pa.Table) -> tuple[pa.Table, Mapping[str, Positions]]:
    """Return readings sorted by identity, the first of duplicates, and the sorted numeric keys.

    Readings are duplicates if device, start and sequence are equal. If a reading has no start or no
    sequence, device and time are compared instead.
    """
    readings = readings.combine_chunks()
    has_none = pc.or_(pc.is_null(readings["boot_id"]), pc.is_null(readings["sequence"]))
    time = readings["timestamp"].cast(pa.int64())
    keys = {
        "device": _codes(readings["device_id"]),
        "boot": _codes(readings["boot_id"]),
        "sequence": _numbers(readings["sequence"]),
        "time": _numbers(pc.if_else(has_none, time, None)),
    }
    order = np.lexsort(tuple(reversed(keys.values())))
    keys = {name: values[order] for name, values in keys.items()}
    same = np.logical_and.reduce([values[1:] == values[:-1] for values in keys.values()])
    if same.any():
        order, keys = _without_repeats(readings, order, keys, same)
    return readings.take(order), keys


def _without_repeats(
    readings: pa.Table,
    order: Positions,
    keys: Mapping[str, Positions],
    same: npt.NDArray[np.bool_],
) -> tuple[Positions, dict[str, Positions]]:
    """Keep the first reading of each group of equal keys, ordered by `TIES` and then the rest."""
    starts = np.flatnonzero(np.append(True, ~same))
    ends = np.append(starts[1:], len(order))
    chosen = starts.copy()
    for place in np.flatnonzero(ends - starts > 1):
        some = range(starts[place], ends[place])
        rows = readings.take(order[starts[place] : ends[place]]).to_pylist()
        chosen[place] = min(zip(some, rows, strict=True), key=lambda one: _rank(one[1]))[0]
    return order[chosen], {name: values[chosen] for name, values in keys.items()}


def _rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a sort key by arrival, then by content; null precedes all values, as in SQL."""
    names = (*TIES, *(name for name in READING.names if name not in (*TIES, "extra")))
    extra = dict(row["extra"] or ())
    text = (
        json.dumps(extra, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        if extra
        else None
    )
    return tuple((value is not None, value) for value in (*map(row.get, names), text))


def _codes(texts: pa.ChunkedArray) -> Positions:
    """Return numbers in the sort order of the texts; -1 for null."""
    encoded = texts.combine_chunks().dictionary_encode()
    rank = np.empty(len(encoded.dictionary), np.int64)
    rank[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(rank))
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    codes: Positions = np.append(rank, -1)[indices]  # index -1, for null, selects the last entry
    return codes


def _numbers(values: pa.ChunkedArray) -> Positions:
    found: Positions = (
        values.combine_chunks().fill_null(np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)
    )
    return found


def _ranges(date: str, readings: pa.Table, keys: Mapping[str, Positions]) -> pa.RecordBatch:
    """Return first and last sequence (time if there is none) of each start of a device."""
    position = pc.coalesce(readings["sequence"], readings["timestamp"].cast(pa.int64())).to_numpy()
    new = (np.diff(keys["device"]) != 0) | (np.diff(keys["boot"]) != 0)
    starts = np.flatnonzero(np.append(True, new))
    named = readings.select(["device_id", "boot_id"]).take(starts)
    return _result(
        date=[date] * len(starts),
        device_id=named["device_id"].to_pylist(),
        boot_id=named["boot_id"].to_pylist(),
        first=np.minimum.reduceat(position, starts).tolist(),
        last=np.maximum.reduceat(position, starts).tolist(),
    )


def _result(**columns: list[Any]) -> pa.RecordBatch:
    count = len(columns["date"])
    return pa.RecordBatch.from_arrays(
        [pa.array(columns.get(field.name, [None] * count), field.type) for field in _RESULT],
        schema=_RESULT,
    )


class FileSink:
    """Writer of Parquet files below a URI, on S3 or on a disk."""

    def __init__(self, uri: str) -> None:
        self._files, self._root = pyarrow.fs.FileSystem.from_uri(uri.rstrip("/"))

    def write(self, path: str, rows: pa.Table) -> int:
        """Write a file and return its size in bytes."""
        place = f"{self._root}/{path}"
        if isinstance(self._files, pyarrow.fs.LocalFileSystem):  # S3 has no folders
            self._files.create_dir(place.rpartition("/")[0], recursive=True)
        pq.write_table(
            rows, place, filesystem=self._files, compression="zstd", coerce_timestamps="us"
        )
        size: int = self._files.get_file_info(place).size
        return size
