"""Small files of a table's closed days to few of a healthy size, beside runs that write to it.

A day is rewritten in one commit that changes no row. It is given up where another run has replaced
one of the files meanwhile: the next compaction finds the day again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import types as T  # noqa: N812

from glue_jobs.lake import delta
from glue_jobs.lake.delta import Change, DataFile, Snapshot

SMALL = 128 * 2**20
LARGEST = 512 * 2**20
"""Bytes between which Athena and Spark read a file best: a smaller one costs more to open than it
need, a larger one is read by too few at a time."""


@dataclass(frozen=True)
class Table:
    """A table to look after.

    Parameters
    ----------
    order
        Columns that its rows are sorted by, so that alike values lie together: they compress, and
        a query for a few devices leaves most row groups out.
    """

    name: str
    uri: str
    schema: T.StructType
    order: Sequence[str]


@dataclass(frozen=True)
class CompactedDay:
    """Files of a day before and after; none after where the day was given up."""

    before: tuple[DataFile, ...]
    after: tuple[DataFile, ...]


def crowded_days(table: Snapshot, closed_before: datetime) -> dict[str, list[DataFile]]:
    """The small files of each day that has too many of them, and to which nothing was added since.

    Large files are left as they are, so that a few late readings don't have a day of gigabytes
    rewritten.
    """
    by_date: dict[str, list[DataFile]] = defaultdict(list)
    for file in table.files:
        by_date[file.date].append(file)
    closed = closed_before.timestamp() * 1000
    crowded = {}
    for date, files in sorted(by_date.items()):
        small = [file for file in files if file.size < SMALL]
        if max(file.added for file in files) < closed and len(small) > files_for(small):
            crowded[date] = small
    return crowded


def files_for(files: Sequence[DataFile]) -> int:
    """How many files to put the rows of others into: sorted, they seldom take more than before."""
    return max(1, math.ceil(sum(file.size for file in files) / LARGEST))


def compact_day(
    spark: SparkSession, table: Table, files: Sequence[DataFile], run: str
) -> CompactedDay:
    """Put the rows of some files of one day into few.

    Raises
    ------
    RuntimeError
        Where the rows written are not as many as were there; nothing is committed then.
    JobError
        Where other runs were first too often.
    """
    rows = delta.read(spark, table.uri, files, table.schema)
    # By date, too, of which there is one: else the write would sort by it, and by nothing else.
    sorted_ = rows.repartitionByRange(files_for(files), *table.order).sortWithinPartitions(
        "date", *table.order
    )
    new = Change(tuple(delta.write(sorted_, table.uri, table.schema, run)), tuple(files))
    if new.rows != 0:
        raise RuntimeError(f"{table.uri}: {new.rows:+} rows after compaction of {files[0].date}")
    done = delta.update(
        table.uri,
        table.schema,
        lambda base: new if set(files) <= set(base.files) else Change(),
        run,
        same_rows=True,
    )
    if done != new:
        delta.discard(spark, table.uri, new.adds)
    return CompactedDay(tuple(files), done.adds)


def vacuum(uri: str, retain: timedelta, *, force: bool) -> int:
    """Delete files that no version of the table within a time has; how many.

    Parameters
    ----------
    retain
        In whole hours. What is younger stays, though it may be of no version: a run may be about
        to commit it, or a query may be reading it.
    force
        Allow less than a week, Delta's own limit.
    """
    table = DeltaTable(uri, storage_options=delta.storage_options(uri))
    hours = int(retain / timedelta(hours=1))
    deleted = table.vacuum(hours, dry_run=False, enforce_retention_duration=not force, full=True)
    return len(deleted)
