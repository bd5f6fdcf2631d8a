"""Prepares the nightly batch transform over all series, and writes its results to the lake.

``instances`` writes one line per series, in the endpoint's request format, and ``plan.json`` with
the series of each line. ``publish`` joins the plan with the results.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from container_runtime.errors import DataError
from container_runtime.parameters import pandas_frequency
from forecast_format import transform_output
from forecast_format.series import Series

from contracts.lake.arrow_schemas import arrow_schema
from contracts.lake.forecasts import QUANTILE_COLUMNS, forecasts_key
from contracts.lake.tables import FORECASTS
from contracts.models.forecast_input import (
    AREA,
    FREQUENCY,
    HORIZON,
    RELATED_HOURS,
    CategoryIndex,
    related_name,
)
from evaluation_container.nightly.recent_histories import Device, RecentHistories
from evaluation_container.scoring.metrics import Floats

INSTANCES, PLAN = "instances.jsonl", "plan.json"

_VALUES = (*QUANTILE_COLUMNS.values(), "mean")
SCHEMA = arrow_schema(FORECASTS)


@dataclass(frozen=True)
class Plan:
    """The series of a batch transform and their forecast origin.

    Parameters
    ----------
    series
        Device and pollutant of each line.
    """

    origin: datetime
    series: tuple[tuple[str, str], ...]

    def write(self, folder: Path) -> None:
        """Write the plan to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {"origin": self.origin.isoformat(), "series": self.series}
        (folder / PLAN).write_text(json.dumps(document, allow_nan=False), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Plan:
        document = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        series = tuple((device, pollutant) for device, pollutant in document["series"])
        return cls(datetime.fromisoformat(document["origin"]), series)


def instances(arguments: Sequence[str]) -> str:
    """Write the newest history of every series that the model knows, and the plan.

    Raises
    ------
    DataError
        No series can be forecast.
    """
    parser = argparse.ArgumentParser(prog="instances")
    parser.add_argument("--recent", type=Path, required=True, help="folder of device histories")
    parser.add_argument(
        "--categories", type=Path, required=True, help="folder of the model's index"
    )
    parser.add_argument("--instances", type=Path, required=True, help="folder for the instances")
    parser.add_argument("--plan", type=Path, required=True, help="folder for the plan")
    options = parser.parse_args(arguments)
    index = read_categories(options.categories)
    histories = RecentHistories(options.recent)
    keys, silent, unknown = [], 0, 0
    options.instances.mkdir(parents=True, exist_ok=True)
    with (options.instances / INSTANCES).open("w", encoding="utf-8") as lines:
        for device in histories:
            if device.device_id not in index.devices:
                unknown += 1
                continue
            for pollutant in index.pollutants:
                if not np.isfinite(device.target[pollutant]).any():
                    silent += 1
                    continue
                keys.append((device.device_id, pollutant))
                lines.write(
                    json.dumps(instance(device, pollutant, index).document(), allow_nan=False)
                    + "\n"
                )
    if not keys:
        raise DataError(
            f"no series can be forecast: {unknown} devices are unknown to the model, and {silent} "
            "series of known devices have no value in the recent history"
        )
    Plan(histories.origin, tuple(keys)).write(options.plan)
    counts = {"series": len(keys), "silent_series": silent, "unknown_devices": unknown}
    return json.dumps({"origin": histories.origin.isoformat(), **counts}, allow_nan=False)


def instance(device: Device, pollutant: str, index: CategoryIndex) -> Series:
    """Build a series with its related series, as `contracts.models.forecast_input` defines them."""
    others = {
        related_name(category): device.target[name]
        for category, name in enumerate(index.pollutants)
        if name != pollutant
    }
    related = {AREA: device.area.get(pollutant, np.empty(0)), **others}
    return Series(
        pd.Period(device.start.replace(tzinfo=None), freq=pandas_frequency(FREQUENCY)),
        device.target[pollutant].astype(np.float32),
        tuple(index.cat(device.device_id, pollutant)),
        related={name: row[-RELATED_HOURS:].astype(np.float32) for name, row in related.items()},
    )


def publish(arguments: Sequence[str]) -> str:
    """Write the model's results as rows of the table ``forecasts``.

    Raises
    ------
    DataError
        The number of results differs from the number of series, or a result is invalid.
    """
    parser = argparse.ArgumentParser(prog="publish")
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--answers", type=Path, required=True, help="the transform job's output")
    parser.add_argument("--forecasts", type=Path, required=True, help="folder for the rows")
    parser.add_argument("--run", required=True)
    parser.add_argument("--version", type=int, required=True, help="model package version")
    options = parser.parse_args(arguments)
    plan = Plan.read(options.plan)
    output = f"{INSTANCES}.out"
    answers = list(transform_output.answers(options.answers / output, output))
    if len(answers) != len(plan.series):
        raise DataError(
            f"expected one result for each of {len(plan.series)} series; got {len(answers)}"
        )
    table = table_of(plan, answers, run=options.run, version=options.version)
    key = forecasts_key(plan.origin)
    place = options.forecasts / key
    place.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, place, compression="zstd")
    return json.dumps(
        {"origin": plan.origin.isoformat(), "rows": table.num_rows, "key": key}, allow_nan=False
    )


def table_of(
    plan: Plan, answers: Sequence[Mapping[str, Any]], *, run: str, version: int
) -> pa.Table:
    """Build the rows of the table, series by series, lead by lead.

    Raises
    ------
    DataError
        A result lacks a quantile or an hour.
    """
    values = np.stack([_values(*both) for both in zip(plan.series, answers, strict=True)])
    devices, pollutants = (
        np.array(names, dtype=object) for names in zip(*plan.series, strict=True)
    )
    lead = np.tile(np.arange(HORIZON), len(values))
    origin = np.datetime64(plan.origin.replace(tzinfo=None), "us")
    columns = {
        "device_id": np.repeat(devices, HORIZON),
        "pollutant": np.repeat(pollutants, HORIZON),
        "origin": np.full(len(lead), origin),
        "lead": lead + 1,
        "hour": origin + lead * np.timedelta64(1, "h"),
        **dict(zip(_VALUES, values.reshape(-1, len(_VALUES)).T, strict=True)),
        "model_version": np.full(len(lead), version),
        "run": np.full(len(lead), run, dtype=object),
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], SCHEMA)


def _values(series: tuple[str, str], answer: Mapping[str, Any]) -> Floats:
    """Return the values of one result, shape (hours, `_VALUES`)."""
    device, pollutant = series
    try:
        rows = [*(answer["quantiles"][level] for level in QUANTILE_COLUMNS), answer["mean"]]
        values = np.array(rows, dtype=np.float64).T
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"no forecast of {pollutant} at {device}: {error!r}") from None
    if values.shape != (HORIZON, len(_VALUES)) or not np.isfinite(values).all():
        raise DataError(f"no forecast of {HORIZON} finite hours of {pollutant} at {device}")
    return values


def read_categories(folder: Path) -> CategoryIndex:
    """Read the index of a model's categories from the only JSON file of a folder."""
    (file,) = (path for path in folder.iterdir() if path.suffix == ".json")
    return CategoryIndex.from_json(file.read_text(encoding="utf-8"))
