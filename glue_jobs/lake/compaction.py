"""Merges small files of a table's closed days into few large ones, in parallel with writing runs.

A day is rewritten in one commit that changes no row. If another run has replaced one of the files
in the meantime, the day is skipped, and the next compaction finds it again.
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
"""File sizes between which Athena and Spark read efficiently: opening smaller files costs too much,
and too few processes read larger ones in parallel."""


@dataclass(frozen=True)
class Table:
    """A table to compact.

    Parameters
    ----------
    order
        Columns by which its rows are sorted, so that similar values are adjacent: they compress
        well, and a query for a few devices skips most row groups.
    """

    name: str
    uri: str
    schema: T.StructType
    order: Sequence[str]


@dataclass(frozen=True)
class CompactedDay:
    """Files of a day before and after compaction; no files after if the day was skipped."""

    before: tuple[DataFile, ...]
    after: tuple[DataFile, ...]


def crowded_days(table: Snapshot, closed_before: datetime) -> dict[str, list[DataFile]]:
    """Return the small files of each closed day that has too many of them.

    A day is closed if no file was added to it since ``closed_before``. Large files are not
    rewritten, so that a few late readings do not cause gigabytes to be written again.
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
    """Return the number of merged files; sorted rows seldom need more space than before."""
    return max(1, math.ceil(sum(file.size for file in files) / LARGEST))


def compact_day(
    spark: SparkSession, table: Table, files: Sequence[DataFile], run: str
) -> CompactedDay:
    """Merge some files of one day.

    Raises
    ------
    RuntimeError
        The number of written rows differs from the number read; nothing is committed.
    JobError
        Other runs committed first in every attempt.
    """
    rows = delta.read(spark, table.uri, files, table.schema)
    # Sorted by the only date too: otherwise the write would sort by date and discard this order.
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
    """Delete files that no version of the table within a time uses, and return their number.

    Parameters
    ----------
    retain
        Time in whole hours. Younger files are kept even if no version uses them: a run may be about
        to commit them, or a query may be reading them.
    force
        Whether less than a week, Delta's own limit, is allowed.
    """
    table = DeltaTable(uri, storage_options=delta.storage_options(uri))
    hours = int(retain / timedelta(hours=1))
    deleted = table.vacuum(hours, dry_run=False, enforce_retention_duration=not force, full=True)
    return len(deleted)
