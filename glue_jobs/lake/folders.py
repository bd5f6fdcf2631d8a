"""Lists folders and files below a URI, on S3 or on a disk, through Spark's own file systems."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the operator's verbs also list folders, without Spark
    from pyspark.sql import SparkSession

Subfolders = Callable[[str], list[str]]
"""Returns the names of the direct subfolders of a URI; none if it does not exist."""

HOUR_DEPTH = 4  # YYYY/MM/DD/HH


def subfolders_of(spark: SparkSession) -> Subfolders:
    """Return a function that lists subfolders in any file system that Spark can read."""

    def subfolders(uri: str) -> list[str]:
        path, files = _path(spark, uri)
        if not files.exists(path):
            return []
        return [s.getPath().getName() for s in files.listStatus(path) if s.isDirectory()]

    return subfolders


def delete_folder(spark: SparkSession, uri: str) -> None:
    """Delete a folder with its contents."""
    path, files = _path(spark, uri)
    files.delete(path, True)


def files_below(spark: SparkSession, uri: str) -> list[Any]:
    """Return Hadoop's ``FileStatus`` of every file below a folder; none if it does not exist."""
    path, files = _path(spark, uri)
    if not files.exists(path):
        return []
    found, listing = [], files.listFiles(path, True)
    while listing.hasNext():
        found.append(listing.next())
    return found


def rows_in(spark: SparkSession, parquet_file: Any) -> int:
    """Return the number of rows of a Parquet file (Hadoop's ``FileStatus``) from its footer."""
    jvm: Any = spark._jvm
    parquet = jvm.org.apache.parquet.hadoop
    configuration = spark._jsc.hadoopConfiguration()
    source = parquet.util.HadoopInputFile.fromStatus(parquet_file, configuration)
    reader = parquet.ParquetFileReader.open(source)
    try:
        rows: int = reader.getRecordCount()
    finally:
        reader.close()
    return rows


def _path(spark: SparkSession, uri: str) -> tuple[Any, Any]:
    """Return Hadoop's path of a URI and its file system."""
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path(uri)
    return path, path.getFileSystem(spark._jsc.hadoopConfiguration())


def arrival_folders(subfolders: Subfolders, root: str, start: datetime, end: datetime) -> list[str]:
    """Return the largest existing folders of ``root/YYYY/MM/DD/HH/`` with arrivals in a window.

    A month that lies completely in the window is one folder, so a long window needs few listings.
    Spark never gets a path that does not exist.

    Parameters
    ----------
    root
        URI ending in a slash.
    start, end
        Window ``[start, end)``, with time zones; partly covered hours are included completely.
    """
    first = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    found: list[str] = []

    def walk(folder: str, parts: tuple[int, ...]) -> None:
        for name in sorted(subfolders(folder)):
            if not name.isdecimal():
                continue
            here = (*parts, int(name))
            try:
                begins, ends = _span(here)
            except ValueError:  # for example month 13
                continue
            if ends <= first or begins >= end:
                continue
            path = f"{folder}{name}/"
            if len(here) == HOUR_DEPTH or (begins >= first and ends <= end):
                found.append(path)
            else:
                walk(path, here)

    walk(root, ())
    return found


def _span(parts: tuple[int, ...]) -> tuple[datetime, datetime]:
    """Return the start of a year, month, day or hour, and the start of the next one."""
    year, month, day, hour = (*parts, *(1, 1, 1, 0)[len(parts) :])
    begins = datetime(year, month, day, hour, tzinfo=UTC)
    match len(parts):
        case 1:
            return begins, begins.replace(year=year + 1)
        case 2:
            return begins, (begins + timedelta(days=31)).replace(day=1)
        case 3:
            return begins, begins + timedelta(days=1)
    return begins, begins + timedelta(hours=1)
