"""Packs messages into large Spark rows between the stages that read and write them.

Spark moves rows one by one, and would spend most time converting readings from columns to rows and
back. Readings therefore stay in Arrow's columns, and one Spark row contains all readings of one day
from one block of lines.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from contracts.lake.arrow_schemas import arrow_schema
from contracts.lake.tables import QUARANTINE, TELEMETRY

COLUMNS = (
    "date string, bucket int, reason string, rows bigint, late bigint, rejected bigint, "
    "payload binary"
)
"""Columns of packed messages: day of the readings, or of arrival if there is a ``reason``; bucket
of their devices; numbers of rows, late rows and rejected values; the rows in Arrow's format."""

PACKED = pa.schema(
    [
        ("date", pa.string()),
        ("bucket", pa.int32()),
        ("reason", pa.string()),
        ("rows", pa.int64()),
        ("late", pa.int64()),
        ("rejected", pa.int64()),
        ("payload", pa.binary()),
    ]
)
PACKED_ROWS_AT_ONCE = 8
"""Packed rows that Python gets at a time: each has megabytes."""
READINGS_AT_ONCE = 10_000

READING = arrow_schema(TELEMETRY)
REFUSED = arrow_schema(QUARANTINE)

_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")
_DAY = pa.date32()

Positions = npt.NDArray[np.int64]


def packed(messages: pa.Table, buckets: int) -> Iterator[pa.RecordBatch]:
    """Pack validated messages.

    Parameters
    ----------
    messages
        Columns of `glue_jobs.telemetry.validation.VALIDATED`.
    buckets
        Number of parts into which a day's devices are split; a device is always in the same one.
    """
    refused = pc.is_valid(messages["reason"])
    if not pc.any(refused).as_py():
        yield from packed_readings(messages.select(READING.names), buckets)
        return
    yield from packed_readings(messages.filter(pc.invert(refused)).select(READING.names), buckets)
    others = messages.filter(refused)
    kinds = list(
        zip(others["arrived"].cast(_DAY).to_pylist(), others["reason"].to_pylist(), strict=True)
    )
    for day, reason in dict.fromkeys(kinds):
        mine = pa.array([kind == (day, reason) for kind in kinds])
        yield _row(str(day), 0, reason, others.filter(mine).select(REFUSED.names))


def packed_readings(readings: pa.Table, buckets: int = 1) -> Iterator[pa.RecordBatch]:
    """Pack valid readings.

    Parameters
    ----------
    readings
        Columns of `READING`.
    """
    if not readings.num_rows:
        return
    day = readings["timestamp"].cast(_DAY)
    late = pc.greater(readings["received_at"].cast(_DAY), day).to_numpy()
    days = day.cast(pa.int32()).to_numpy()
    group = days.astype(np.int64) * buckets + _buckets(readings["device_id"], buckets)
    order = np.argsort(group, kind="stable")
    edges = np.flatnonzero(np.diff(group[order])) + 1
    if len(edges):
        readings = readings.take(order)
    for start, end in zip([0, *edges], [*edges, len(order)], strict=True):
        places = order[start:end]
        date = np.datetime64(int(days[places[0]]), "D")
        bucket = int(group[places[0]] % buckets)
        rows = readings.slice(start, end - start)
        yield _row(
            str(date),
            bucket,
            None,
            rows,
            late=int(late[places].sum()),
            rejected=_entries(rows["rejected"]),
        )


def unpacked(payloads: Iterable[bytes]) -> pa.Table:
    """Unpack the rows of payloads of one kind."""
    return pa.concat_tables(pa.ipc.open_stream(payload).read_all() for payload in payloads)


def rows_at_once(spark: SparkSession, rows: int) -> None:
    """Set how many rows Python gets at a time, in what Spark computes from now on."""
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", rows)


def refused_messages(packed_messages: DataFrame) -> DataFrame:
    """Return messages for quarantine: columns of `QUARANTINE`, and ``date``, the day of arrival."""

    def unpack(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for date, payload in zip(*(column.to_pylist() for column in batch), strict=True):
                rows = unpacked([payload])
                dates = pa.repeat(pa.scalar(date), rows.num_rows)
                yield from rows.append_column("date", dates).to_batches()

    rows_at_once(packed_messages.sparkSession, PACKED_ROWS_AT_ONCE)
    columns = ", ".join(f"{name} string" for name in (*REFUSED.names, "date"))
    return (
        packed_messages.where("reason IS NOT NULL")
        .select("date", "payload")
        .mapInArrow(unpack, columns)
    )


def _buckets(devices: pa.ChunkedArray, buckets: int) -> Positions:
    if buckets == 1:
        return np.zeros(len(devices), np.int64)
    encoded = devices.combine_chunks().dictionary_encode()
    of_device = [zlib.crc32(name.encode()) % buckets for name in encoded.dictionary.to_pylist()]
    found: Positions = np.array(of_device, np.int64)[encoded.indices.to_numpy()]
    return found


def _entries(maps: pa.ChunkedArray) -> int:
    """Return the number of entries of all maps."""
    offsets = maps.combine_chunks().offsets
    return int(offsets[-1].as_py()) - int(offsets[0].as_py())


def _row(
    date: str,
    bucket: int,
    reason: str | None,
    rows: pa.Table,
    *,
    late: int = 0,
    rejected: int = 0,
) -> pa.RecordBatch:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=_COMPRESSED) as writer:
        writer.write_table(rows)
    values = (date, bucket, reason, rows.num_rows, late, rejected, sink.getvalue().to_pybytes())
    return pa.RecordBatch.from_arrays(
        [pa.array([value], field.type) for value, field in zip(values, PACKED, strict=True)],
        schema=PACKED,
    )
