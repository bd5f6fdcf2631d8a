"""AWS Glue job: merges small files into large ones and deletes files that no version needs.

It runs at night, in parallel with the other jobs; see `glue_jobs.lake.compaction`.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import SparkSession

from contracts.names import COMPACT
from glue_jobs.lake import identity_ranges
from glue_jobs.lake.compaction import CompactedDay, Table, compact_day, crowded_days, vacuum
from glue_jobs.lake.delta import NO_VERSION, snapshot
from glue_jobs.lake.tables import QUARANTINE, READINGS, SERIES
from glue_jobs.runs.arguments import CompactArguments, ReportArguments
from glue_jobs.runs.outcome import reported, run_job
from glue_jobs.runs.session import spark_session


def main(argv: list[str]) -> None:
    """Read the arguments, run the job and report the result."""
    arguments = CompactArguments.of(argv)
    reported(COMPACT, ReportArguments.of(argv), lambda: run(spark_session(COMPACT), arguments))


def run(spark: SparkSession, arguments: CompactArguments) -> dict[str, Any]:
    """Compact days with many small files, then delete files that no version of a table needs.

    Returns
    -------
    dict
        ``days_compacted`` and ``days_given_up``; for the compacted days ``files_before``,
        ``files_after``, ``bytes_before`` and ``bytes_after``; ``files_deleted``. In addition, the
        same counts as text for each table.
    """
    counts: Counter[str] = Counter()
    words = {}
    for table in _tables(arguments):
        found = snapshot(table.uri)
        if found.version == NO_VERSION:
            continue
        crowded = crowded_days(found, datetime.now(UTC) - arguments.closed_after)
        days = [compact_day(spark, table, files, arguments.run_id) for files in crowded.values()]
        counted = _counts(days)
        counted["files_deleted"] = vacuum(table.uri, arguments.retain, force=arguments.force)
        counts.update(counted)
        if any(counted.values()):
            words[table.name] = ", ".join(f"{value} {name}" for name, value in counted.items())
    return {**counts, **words}


def _tables(arguments: CompactArguments) -> tuple[Table, ...]:
    ranges = f"{arguments.telemetry}{identity_ranges.FOLDER}"
    return (
        Table("telemetry", arguments.telemetry, READINGS, ("device_id", "timestamp")),
        Table("ranges", ranges, identity_ranges.RANGES, ("device_id", "boot_id", "first")),
        Table("quarantine", arguments.quarantine, QUARANTINE, ("source", "raw_line")),
        Table("series_hourly", arguments.series, SERIES, ("device_id", "pollutant", "hour")),
    )


def _counts(days: list[CompactedDay]) -> dict[str, int]:
    done = [day for day in days if day.after]
    return {
        "days_compacted": len(done),
        "days_given_up": len(days) - len(done),
        "files_before": sum(len(day.before) for day in done),
        "files_after": sum(len(day.after) for day in done),
        "bytes_before": sum(file.size for day in done for file in day.before),
        "bytes_after": sum(file.size for day in done for file in day.after),
    }


if __name__ == "__main__":
    run_job(main)
