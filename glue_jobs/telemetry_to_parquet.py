"""AWS Glue job: raw messages of an arrival window to readings in the lake and to quarantine.

Running a window again leaves the tables as they are, and so does running windows at once, in
another order, or again after one was killed.
"""

from __future__ import annotations

from collections import Counter
from functools import reduce
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contracts.lake import RAW_RULE_ERRORS, RAW_TELEMETRY
from contracts.names import TELEMETRY_TO_PARQUET
from glue_jobs.arguments import ReportArguments, TelemetryArguments
from glue_jobs.folders import arrival_folders, subfolders_of
from glue_jobs.merging import merge
from glue_jobs.messages import read_messages, read_rule_errors
from glue_jobs.quarantine import replace_quarantine
from glue_jobs.readings import classify
from glue_jobs.report import reported, run_job
from glue_jobs.session import spark_session
from glue_jobs.tables import QUARANTINE, READINGS


def main(argv: list[str]) -> None:
    """Read the arguments, do the work, say what was done."""
    arguments = TelemetryArguments.of(argv)
    reported(
        TELEMETRY_TO_PARQUET,
        ReportArguments.of(argv),
        lambda: run(spark_session(TELEMETRY_TO_PARQUET), arguments),
        window=(arguments.start, arguments.end),
    )


def run(spark: SparkSession, arguments: TelemetryArguments) -> dict[str, Any]:
    """Work off one window.

    Returns
    -------
    dict
        ``read`` messages, of which ``kept`` are new in the lake, ``duplicates`` were there or came
        twice, and ``quarantined`` counts the others by reason. Besides, ``late`` of those kept or
        duplicate came on a later day (UTC) than they were taken.
    """
    messages = _messages(spark, arguments)
    if messages is None:
        return {"read": 0, "kept": 0, "duplicates": 0, "late": 0, "quarantined": {}}
    # One pass over the text; the counts of the pass tell which days are touched.
    classified = classify(messages).persist(StorageLevel.MEMORY_AND_DISK)
    by_reason: Counter[str] = Counter()
    by_date: Counter[str] = Counter()
    late = 0
    is_late = (F.col("date") < F.col("received_at").cast("date").cast("string")).alias("is_late")
    for row in classified.groupBy("reason", "date", is_late).count().collect():
        if row["reason"] is not None:
            by_reason[row["reason"]] += row["count"]
            continue
        by_date[row["date"]] += row["count"]
        late += row["count"] if row["is_late"] else 0

    run_id = arguments.run_id
    kept = 0
    if by_date:
        columns = [field.name for field in READINGS.fields]
        readings = classified.where("reason IS NULL").select(*columns, "date")
        kept = merge(readings, arguments.telemetry, max(by_date.values()), run_id)
    columns = [*(field.name for field in QUARANTINE.fields)]
    refused = classified.where("reason IS NOT NULL").select(
        *columns, F.col("arrival_date").alias("date")
    )
    window = arguments.start, arguments.end
    replace_quarantine(refused, by_reason.total(), arguments.quarantine, window, run_id)
    classified.unpersist()
    sound = by_date.total()
    return {
        "read": sound + by_reason.total(),
        "kept": kept,
        "duplicates": sound - kept,
        "late": late,
        "quarantined": dict(sorted(by_reason.items())),
    }


def _messages(spark: SparkSession, arguments: TelemetryArguments) -> DataFrame | None:
    subfolders = subfolders_of(spark)
    window = arguments.start, arguments.end
    sources = [
        (read_messages, arguments.raw_telemetry, RAW_TELEMETRY.prefix),
        (read_rule_errors, arguments.raw_errors, RAW_RULE_ERRORS.prefix),
    ]
    found = [
        read(spark, folders, prefix)
        for read, root, prefix in sources
        if (folders := arrival_folders(subfolders, root, *window))
    ]
    return reduce(DataFrame.unionByName, found) if found else None


if __name__ == "__main__":
    run_job(main)
