"""AWS Glue job: raw messages of an arrival window to readings in the lake and to quarantine.

The tables do not depend on the order of windows, on parallel runs, or on repeated runs, including
those after a run was killed.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.lake.locations import RAW_RULE_ERRORS, RAW_TELEMETRY
from contracts.names import TELEMETRY_TO_PARQUET
from glue_jobs.errors import JobError
from glue_jobs.lake.folders import arrival_folders, subfolders_of
from glue_jobs.lake.listing import ListedObject, objects_below
from glue_jobs.runs.arguments import ReportArguments, TelemetryArguments
from glue_jobs.runs.outcome import reported, run_job
from glue_jobs.runs.session import spark_session
from glue_jobs.telemetry.identities import Counts
from glue_jobs.telemetry.merging import Merged, merge
from glue_jobs.telemetry.messages import Packing, arrived_at, read_messages, read_rule_errors
from glue_jobs.telemetry.packing import refused_messages
from glue_jobs.telemetry.quarantine import replace_quarantine
from glue_jobs.telemetry.withdrawals import (
    NewWithdrawalError,
    Withdrawals,
    apply,
    withdrawals_of,
)

BUCKET_BYTES = 64 * 1024 * 1024
"""Size of a day's gzip objects per bucket: about two million readings."""
ATTEMPTS = 3


def main(argv: list[str]) -> None:
    """Read the arguments, run the job and report the result."""
    arguments = TelemetryArguments.of(argv)
    reported(
        TELEMETRY_TO_PARQUET,
        ReportArguments.of(argv),
        lambda: run(spark_session(TELEMETRY_TO_PARQUET), arguments),
        window=(arguments.start, arguments.end),
    )


def run(spark: SparkSession, arguments: TelemetryArguments) -> dict[str, Any]:
    """Process one window.

    Returns
    -------
    dict
        Number of messages ``read``; of these, ``kept`` are new in the lake, ``merged`` joined
        others of the same time in one reading, ``duplicates`` were already there or arrived twice,
        and ``quarantined`` counts the others by reason. ``conflicts`` counts the kept ones that
        contradict another one with the same identity and time. Of all that are not quarantined,
        ``rejected`` counts values that are not in the lake, and ``late`` the messages that arrived
        on a later day (UTC) than they were taken. ``objects`` is the number of objects of the
        window, of which each has at least one message or one row in quarantine;
        ``misplaced_objects`` lie beside the folders of hours and are not read. ``withdrawn`` counts
        the readings that were removed from the lake.

    Raises
    ------
    JobError
        A document of a withdrawal is invalid, or other runs keep changing the tables.
    """
    arrivals = _arrivals(spark, arguments)
    withdrawn = 0
    for _ in range(ATTEMPTS):
        withdrawals = withdrawals_of(arguments.telemetry)
        withdrawn += apply(spark, withdrawals, arguments.telemetry, arguments.run_id)
        try:
            counts = _add(spark, arrivals, arguments, withdrawals)
        except NewWithdrawalError as error:
            print(f"reading the window again, because of withdrawals {error}", flush=True)
            continue
        return {
            **counts,
            "objects": len(arrivals.telemetry) + len(arrivals.errors),
            "misplaced_objects": arrivals.misplaced,
            "withdrawn": withdrawn,
        }
    raise JobError(
        f"withdrawals were made during each of {ATTEMPTS} attempts; nothing was added: start the "
        "job again when nobody withdraws readings"
    )


def _add(
    spark: SparkSession,
    arrivals: _Arrivals,
    arguments: TelemetryArguments,
    withdrawals: Withdrawals,
) -> dict[str, Any]:
    """Add the messages of a window to the tables, and return their counts."""
    messages = _messages(spark, arrivals, arguments, withdrawals)
    if messages is None:
        return {**_result(0, 0, 0, Merged(0, Counts())), "quarantined": {}}
    # One pass over the text; its counts show what must be written. Persisted on disk only, because
    # packed rows are large and would fill the heap.
    packed = messages.persist(StorageLevel.DISK_ONLY)
    try:
        sums = (F.sum(name).alias(name) for name in ("rows", "late", "rejected"))
        counted = packed.groupBy("reason").agg(*sums)
        by_reason: Counter[str] = Counter()
        sound = late = rejected = 0
        merged = Merged(0, Counts())
        for row in counted.collect():
            if row["reason"] is None:
                sound, late, rejected = row["rows"], row["late"], row["rejected"]
            else:
                by_reason[row["reason"]] = row["rows"]
        if sound:
            readings = packed.where("reason IS NULL")
            merged = merge(readings, arguments.telemetry, arguments.run_id, withdrawals)
        replace_quarantine(
            refused_messages(packed),
            by_reason.total(),
            arguments.quarantine,
            (arguments.start, arguments.end),
            arguments.run_id,
        )
    finally:
        packed.unpersist()
    counts = _result(sound, late, rejected, merged)
    counts["read"] += by_reason.total()
    return {**counts, "quarantined": dict(sorted(by_reason.items()))}


def _result(sound: int, late: int, rejected: int, merged: Merged) -> dict[str, int]:
    """Return the counts of a run that quarantined nothing."""
    joined = merged.counts.merged
    return {
        "read": sound,
        "kept": merged.rows,
        "duplicates": sound - merged.rows - joined,
        "merged": joined,
        "conflicts": merged.counts.conflicts,
        "rejected": rejected,
        "late": late,
    }


@dataclass(frozen=True)
class _Arrivals:
    """Objects of a window in their hours, and the number of those that lie in no hour's folder."""

    telemetry: list[ListedObject]
    errors: list[ListedObject]
    misplaced: int


def _arrivals(spark: SparkSession, arguments: TelemetryArguments) -> _Arrivals:
    subfolders = subfolders_of(spark)

    def listed(root: str) -> list[ListedObject]:
        return objects_below(arrival_folders(subfolders, root, arguments.start, arguments.end))

    telemetry, errors = listed(arguments.raw_telemetry), listed(arguments.raw_errors)
    inside = [[o for o in place if arrived_at(o.uri) is not None] for place in (telemetry, errors)]
    misplaced = len(telemetry) + len(errors) - sum(map(len, inside))
    return _Arrivals(inside[0], inside[1], misplaced)


def _messages(
    spark: SparkSession,
    arrivals: _Arrivals,
    arguments: TelemetryArguments,
    withdrawals: Withdrawals,
) -> DataFrame | None:
    sources = [
        (read_messages, arrivals.telemetry, RAW_TELEMETRY.prefix),
        (read_rule_errors, arrivals.errors, RAW_RULE_ERRORS.prefix),
    ]
    found = [
        read(
            spark,
            objects,
            Packing(
                prefix,
                _buckets(objects, arguments),
                arguments.max_reading_age,
                withdrawals,
                arguments.only_devices,
            ),
        )
        for read, objects, prefix in sources
        if objects
    ]
    return reduce(DataFrame.unionByName, found) if found else None


def _buckets(objects: list[ListedObject], arguments: TelemetryArguments) -> int:
    """Return the number of parts of a day such that a process can hold one part."""
    days = max(1, (arguments.end - arguments.start) // timedelta(days=1))
    size = sum(one.size for one in objects)
    return max(1, math.ceil(size / days / BUCKET_BYTES))


if __name__ == "__main__":
    run_job(main)
