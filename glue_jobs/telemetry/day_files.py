"""Writes packed readings to Parquet files, one per day and bucket, without repeats.

The files belong to no table until `glue_jobs.lake.delta.commit` adds them.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
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
from glue_jobs.telemetry.identities import Counts, Row, counted, kept, key_of
from glue_jobs.telemetry.packing import (
    PACKED_ROWS_AT_ONCE,
    READING,
    Positions,
    rows_at_once,
    unpacked,
)

_RESULT = pa.schema(
    [
        *((name, pa.string()) for name in ("path", "date")),
        *((name, pa.int64()) for name in ("rows", "size", "merged", "conflicts")),
        *((name, pa.string()) for name in ("device_id", "boot_id")),
        *((name, pa.int64()) for name in ("first", "last")),
    ]
)
_RESULT_COLUMNS = (
    "path string, date string, rows bigint, size bigint, merged bigint, conflicts bigint, "
    "device_id string, boot_id string, first bigint, last bigint"
)


@dataclass(frozen=True)
class WrittenDays:
    """Result of `write_days`.

    Parameters
    ----------
    files
        The files, in the order of their paths.
    ranges
        Ranges of sequences per start of a device and day: ``device_id``, ``boot_id``, ``day``,
        ``first``, ``last``. The caller unpersists the DataFrame.
    counts
        Counts of the readings that share a key.
    """

    files: list[DataFile]
    ranges: DataFrame
    counts: Counts


def write_days(packed: DataFrame, uri: str, run: str) -> WrittenDays:
    """Write at least one packed reading to files without repeats.

    Parameters
    ----------
    packed
        Columns of `glue_jobs.telemetry.packing.COLUMNS`, without reasons.
    uri
        URI of the table, ending in a slash.
    run
        Id of the run, for people who inspect the files; each call writes a separate folder.
    """
    folder = f"{run}-{secrets.token_hex(4)}/"
    rows_at_once(packed.sparkSession, PACKED_ROWS_AT_ONCE)

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        payloads: dict[tuple[str, int], list[bytes]] = defaultdict(list)
        for batch in batches:
            for date, bucket, payload in zip(*(c.to_pylist() for c in batch), strict=True):
                payloads[date, bucket].append(payload)
        files = FileSink(uri)
        for date, bucket in sorted(payloads):
            readings, keys, counts = each_once(unpacked(payloads.pop((date, bucket))))
            path = f"{folder}date={date}/{bucket:05}-{secrets.token_hex(8)}.parquet"
            size = files.write(path, readings)
            rows = readings.num_rows
            yield _result(
                path=[path],
                date=[date],
                rows=[rows],
                size=[size],
                merged=[counts.merged],
                conflicts=[counts.conflicts],
            )
            yield _ranges(date, readings, keys)

    written = (
        packed.select("date", "bucket", "payload")
        .repartition("date", "bucket")
        .mapInArrow(write, _RESULT_COLUMNS)
        .persist(StorageLevel.MEMORY_AND_DISK)  # otherwise the files would be written twice
    )
    found = written.where("path IS NOT NULL").collect()
    ranges = written.where("path IS NULL").select(
        "device_id", "boot_id", F.col("date").alias("day"), "first", "last"
    )
    files = [DataFile(*(row[name] for name in ("path", "date", "rows", "size"))) for row in found]
    counts = sum((Counts(row["merged"], row["conflicts"]) for row in found), Counts())
    return WrittenDays(sorted(files, key=lambda file: file.path), ranges, counts)


def each_once(readings: pa.Table) -> tuple[pa.Table, Mapping[str, Positions], Counts]:
    """Return the readings that the lake keeps, sorted by key, and the sorted numeric keys."""
    order, keys = _sorted(readings)
    same = np.logical_and.reduce([values[1:] == values[:-1] for values in keys.values()])
    counts = Counts()
    if same.any():
        readings, counts = _resolved(readings.take(order), same)
        order, keys = _sorted(readings)
    return readings.take(order), keys, counts


def _sorted(readings: pa.Table) -> tuple[Positions, dict[str, Positions]]:
    """Return the order of readings by `glue_jobs.telemetry.identities.KEY`, and the keys in it."""
    keys = {
        "device": _codes(readings["device_id"]),
        "boot": _codes(readings["boot_id"]),
        "sequence": _numbers(readings["sequence"]),
        "time": _numbers(readings["timestamp"].cast(pa.int64())),
    }
    order = np.lexsort(tuple(reversed(keys.values())))
    return order, {name: values[order] for name, values in keys.items()}


def _resolved(readings: pa.Table, same: npt.NDArray[np.bool_]) -> tuple[pa.Table, Counts]:
    """Replace each group of sorted readings with the same key by those that the lake keeps."""
    repeated = np.append(False, same) | np.append(same, False)
    some: list[Row] = readings.filter(pa.array(repeated)).to_pylist()
    left: list[Row] = []
    counts = Counts()
    for _, group in groupby(some, key_of):
        rows = list(group)
        remaining = kept(rows)
        counts += counted(rows, remaining)
        left += remaining
    alone = readings.filter(pa.array(~repeated))
    return pa.concat_tables([alone, pa.Table.from_pylist(left, READING)]), counts


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
