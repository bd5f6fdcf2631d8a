"""AWS Glue job: raw messages of an arrival window to readings in the lake and to quarantine.

Running a window again leaves the tables as they are.
"""

from __future__ import annotations

from collections import Counter
from functools import reduce
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from contracts.lake import RAW_RULE_ERRORS, RAW_TELEMETRY
from contracts.names import TELEMETRY_TO_PARQUET
from glue_jobs.arguments import ReportArguments, TelemetryArguments
from glue_jobs.folders import arrival_folders, partition_dates, subfolders_of
from glue_jobs.merging import counting_new, merge
from glue_jobs.messages import read_messages, read_rule_errors
from glue_jobs.quarantine import replace_quarantine
from glue_jobs.readings import classify
from glue_jobs.report import reported, run_job
from glue_jobs.session import spark_session
from glue_jobs.tables import READINGS, read_days, replace_days


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
        twice, and ``quarantined`` counts the others by reason.
    """
    messages = _messages(spark, arguments)
    if messages is None:
        return {"read": 0, "kept": 0, "duplicates": 0, "quarantined": {}}
    # One pass over the text; the counts of the pass tell which days are touched.
    classified = classify(messages).persist(StorageLevel.MEMORY_AND_DISK)
    by_reason: Counter[str] = Counter()
    by_date: Counter[str] = Counter()
    for row in classified.groupBy("reason", "date").count().collect():
        if row["reason"] is None:
            by_date[row["date"]] += row["count"]
        else:
            by_reason[row["reason"]] += row["count"]

    kept = _merge_into_lake(spark, classified, arguments.telemetry, by_date)
    replace_quarantine(
        spark,
        classified.where("reason IS NOT NULL"),
        arguments.quarantine,
        (arguments.start, arguments.end),
        by_reason.total(),
    )
    classified.unpersist()
    sound = by_date.total()
    return {
        "read": sound + by_reason.total(),
        "kept": kept,
        "duplicates": sound - kept,
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


def _merge_into_lake(
    spark: SparkSession, classified: DataFrame, table: str, by_date: Counter[str]
) -> int:
    """Merge sound readings into their days; how many the lake did not have before."""
    if not by_date:
        return 0
    columns = [field.name for field in READINGS.fields]
    readings = classified.where("reason IS NULL").select(*columns, "date")
    there = partition_dates(subfolders_of(spark), table) & set(by_date)
    in_lake = read_days(spark, table, READINGS, there) if there else None
    merged, observation = counting_new(merge(readings, in_lake, max(by_date.values())))
    replace_days(merged, table, READINGS)
    kept: int = observation.get["kept"]
    return kept


if __name__ == "__main__":
    run_job(main)
