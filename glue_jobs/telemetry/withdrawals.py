"""Applies `contracts.lake.withdrawals`: removes their readings from the table, once each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.lake.arrow_schemas import TIME
from contracts.lake.withdrawals import FOLDER, Withdrawal
from glue_jobs.errors import JobError
from glue_jobs.lake import delta
from glue_jobs.lake.listing import objects_below, opened
from glue_jobs.lake.tables import READINGS

Withdrawals = tuple[Withdrawal, ...]


class NewWithdrawalError(Exception):
    """A withdrawal was made after a run had read the withdrawals."""


def withdrawals_of(table: str) -> Withdrawals:
    """Return the withdrawals of a table of readings.

    Raises
    ------
    JobError
        A document is no withdrawal; the message says which and why.
    """
    found = []
    for one in objects_below([f"{table}{FOLDER}"]):
        with opened(one.uri) as source:
            try:
                found.append(Withdrawal.from_json(source.read()))
            except ValueError as error:
                raise JobError(f"{one.uri}: {error}; correct or delete it") from None
    return tuple(found)


def apply(spark: SparkSession, withdrawals: Withdrawals, table: str, run: str) -> int:
    """Remove the readings of new withdrawals from the table, and return their number.

    The commit records the withdrawals, so later runs do not read the table for them.
    """
    for _ in range(delta.ATTEMPTS):
        base = delta.snapshot(table)
        new = [one for one in withdrawals if base.progress(_progress(one)) is None]
        if not new or base.version == delta.NO_VERSION:
            return 0
        change = _without(spark, base, new, run)
        try:
            delta.commit(
                base,
                READINGS,
                change.adds,
                change.removes,
                run=run,
                progress={_progress(one): 1 for one in new},
            )
        except delta.CommitConflictError:
            delta.discard(spark, table, change.adds)
        else:
            return -change.rows
    raise JobError(
        f"other runs committed to {table} during each of {delta.ATTEMPTS} attempts; start the job "
        "again when fewer runs are active"
    )


def check_known(withdrawals: Withdrawals, table: str) -> None:
    """Check that a run which knows these withdrawals may still add readings to the table.

    The document of a withdrawal is written before its readings are removed. So if this check
    passes for the version of the table that a commit replaces, every withdrawal is either known,
    or its readings will be removed from that commit too.

    Raises
    ------
    NewWithdrawalError
        There is another withdrawal.
    """
    new = set(withdrawals_of(table)).difference(withdrawals)
    if new:
        raise NewWithdrawalError(f"made meanwhile: {', '.join(sorted(one.id for one in new))}")


def covers(withdrawals: Iterable[Withdrawal], messages: pa.Table) -> pa.Array:
    """Return which messages, with the columns of readings, are withdrawn."""
    found = pa.repeat(pa.scalar(False), messages.num_rows)
    for one in withdrawals:
        time = messages["timestamp"]
        matches = pc.and_(
            pc.equal(messages["thing_name"], one.device_id),
            pc.and_(
                pc.greater_equal(time, pa.scalar(one.start, TIME)),
                pc.less(time, pa.scalar(one.end, TIME)),
            ),
        )
        if one.boot_id is not None:
            matches = pc.and_(matches, pc.equal(messages["boot_id"], one.boot_id))
        found = pc.or_(found, pc.fill_null(matches, False))
    return found


def _progress(one: Withdrawal) -> str:
    return f"withdrawal {one.id}"


def _without(
    spark: SparkSession, base: delta.Snapshot, withdrawals: list[Withdrawal], run: str
) -> delta.Change:
    """Return the change of the files that have readings of withdrawals."""
    days = {day for one in withdrawals for day in base.dates if _may_have(one, day)}
    rows = delta.read(spark, base.uri, base.files_of(days), READINGS, with_name=True)
    withdrawn = F.coalesce(_any(withdrawals), F.lit(False))
    names = {row["name"] for row in rows.where(withdrawn).select("name").distinct().collect()}
    touched = tuple(file for file in base.files_of(days) if file.name in names)
    left = delta.read(spark, base.uri, touched, READINGS).where(~withdrawn)
    adds = [] if left.isEmpty() else delta.write(left.repartition("date"), base.uri, READINGS, run)
    return delta.Change(tuple(adds), touched)


def _may_have(one: Withdrawal, day: str) -> bool:
    last = one.end - timedelta(microseconds=1)
    return f"{one.start:%Y-%m-%d}" <= day <= f"{last:%Y-%m-%d}"


def _any(withdrawals: list[Withdrawal]) -> Column:
    found = F.lit(False)
    for one in withdrawals:
        time = F.col("timestamp")
        matches = (F.col("device_id") == one.device_id) & (time >= F.lit(one.start))
        matches = matches & (time < F.lit(one.end))
        if one.boot_id is not None:
            matches = matches & (F.col("boot_id") == one.boot_id)
        found = found | F.coalesce(matches, F.lit(False))
    return found
