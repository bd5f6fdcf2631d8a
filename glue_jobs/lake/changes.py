"""Finds the days of a table that have changed since one of its versions, from its log."""

from __future__ import annotations

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from glue_jobs.lake.delta import Snapshot

_ACTION = "struct<dataChange: boolean, partitionValues: map<string, string>>"
ENTRY = f"add {_ACTION}, remove {_ACTION}"
"""Fields read from a log entry: https://github.com/delta-io/delta/blob/master/PROTOCOL.md."""


def changed_dates(spark: SparkSession, now: Snapshot, since: int | None) -> set[str] | None:
    """Return the days with files that were added or removed after version ``since``.

    Compaction does not count as a change. The result is None if it cannot be determined: there is
    no such version, or the log no longer goes back to it.
    """
    if since is None or since > now.version:
        return None
    entries = [f"{now.uri}_delta_log/{v:020}.json" for v in range(since + 1, now.version + 1)]
    if not entries:
        return set()
    try:
        actions = spark.read.schema(ENTRY).json(entries)
    except AnalysisException as error:
        if error.getErrorClass() != "PATH_NOT_FOUND":
            raise
        return None
    action = F.coalesce("add", "remove")
    rows = actions.where(action["dataChange"]).select(action["partitionValues"]["date"].alias("at"))
    return {row["at"] for row in rows.distinct().collect()}
