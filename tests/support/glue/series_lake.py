"""Lake whose series are built by `glue_jobs.build_series`, and a reference of its series."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow.dataset as pads
from pyspark.sql import types as T

from contracts.messages.telemetry import POLLUTANTS
from glue_jobs import build_series
from glue_jobs.lake.delta import commit, read, snapshot, write
from glue_jobs.lake.tables import READINGS, SERIES
from glue_jobs.runs.arguments import SeriesArguments
from tests.support.glue.spark import spark

START = datetime(2026, 6, 1, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEVICES = ("ash", "beech", "cedar")
Reading = tuple[str, datetime, float | None]
Series = dict[tuple[str, str, datetime], float | None]


class Lake:
    """Tables in a folder, with arrivals committed as by `telemetry_to_parquet`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.readings: list[Reading] = []

    def uri(self, table: str) -> str:
        return f"file://{self.folder}/{table}/"

    def arrive(self, readings: Iterable[Reading]) -> None:
        new = list(readings)
        self.readings += new
        self._commit(new)

    def _commit(self, readings: list[Reading], removes: Iterable[Any] = (), **how: Any) -> None:
        base = snapshot(self.uri("telemetry"))
        adds = write(rows_of(readings), base.uri, READINGS, "arrival")
        commit(base, READINGS, adds, list(removes), run="arrival", **how)

    def compact(self) -> None:
        files = snapshot(self.uri("telemetry")).files
        self._commit(self.readings, files, same_rows=True)

    def run(self, *options: str, into: str = "") -> dict[str, Any]:
        """Run the job once; ``into`` selects a separate output folder."""
        words = ["job", "--telemetry", self.uri("telemetry")]
        for table in ("series", "channels", "recent"):
            words += [f"--{table}", self.uri(f"{into}{table}")]
        return build_series.run(spark(), SeriesArguments.of([*words, *options]))

    def series(self, into: str = "") -> Series:
        table = snapshot(self.uri(f"{into}series"))
        rows = read(spark(), table.uri, table.files, SERIES).collect()
        found = {
            (row["device_id"], row["pollutant"], row["hour"].astimezone(UTC)): row["value"]
            for row in rows
        }
        assert len(found) == len(rows), "no hour is there twice"
        return found

    def written(self, table: str) -> Any:
        """Return the contents of channels or histories."""
        folder = self.folder / table
        objects = {path.name: json.loads(path.read_text()) for path in folder.rglob("[!.]*.json")}
        channels = [
            sorted(map(repr, pads.dataset(part, format="parquet").to_table().to_pylist()))
            for part in sorted(folder.iterdir())
            if part.is_dir()
        ]
        return objects, channels


def rows_of(readings: list[Reading]) -> Any:
    columns = {"device_id": 0, "timestamp": 1, "ozone": 2}
    rows = [
        (
            *(r[columns[f.name]] if f.name in columns else None for f in READINGS.fields),
            f"{r[1]:%F}",
        )
        for r in readings
    ]
    return spark().createDataFrame(rows, T.StructType([*READINGS.fields, _DATE]))


_DATE = T.StructField("date", T.StringType())


def reference(readings: list[Reading]) -> Series:
    """Compute the regular grid in plain Python."""
    means: dict[tuple[str, datetime], list[float]] = defaultdict(list)
    for device, taken, ozone in readings:
        if ozone is not None:
            means[device, taken.replace(minute=0)].append(ozone)
    last = max(hour for _, hour in means)
    series: Series = {}
    for device in {device for device, _ in means}:
        hour = min(hour for other, hour in means if other == device)
        while hour <= last:
            values = means.get((device, hour))
            series |= {(device, pollutant, hour): None for pollutant in POLLUTANTS}
            series[device, "ozone", hour] = fmean(values) if values else None
            hour += HOUR
    return series
