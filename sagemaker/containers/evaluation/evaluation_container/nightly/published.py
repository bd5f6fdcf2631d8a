"""Reads nightly forecasts from the lake and compares them with the observed values."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.lake.forecasts import QUANTILE_COLUMNS
from contracts.lake.locations import bucket_and_key
from evaluation_container.nightly.recent_histories import HOUR
from evaluation_container.scoring.drift_statistics import Hours
from evaluation_container.scoring.metrics import Floats, quantile_losses

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Losses:
    """Quantile losses and observed values by origin, summed over devices and hours.

    Parameters
    ----------
    losses, totals
        By pollutant, one value per origin, as `reference.with_losses` defines them.
    """

    origins: tuple[datetime, ...]
    losses: Mapping[str, Floats]
    totals: Mapping[str, Floats]


def read(s3: Any, lake: str, first: datetime, last: datetime) -> Iterator[pa.Table]:
    """Yield the table's rows of every origin in a range of days, one origin at a time.

    Parameters
    ----------
    s3
        A boto3 client.
    lake
        S3 URI of the table.
    first, last
        First and last day, both included.
    """
    bucket, prefix = bucket_and_key(lake)
    for number in range((last.date() - first.date()).days + 1):
        day = f"{prefix}date={first + number * DAY:%Y-%m-%d}/"
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=day):
            for item in page.get("Contents", []):
                body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                yield pq.read_table(io.BytesIO(body))


def losses(forecasts: Iterable[pa.Table], truth: Hours, end: datetime, version: int) -> Losses:
    """Compute the losses of a version's forecasts whose last hour is before the end of the truth.

    If a day has several origins, only the last one counts, so that a repeated night has the same
    weight as others.

    Parameters
    ----------
    end
        The hour after the truth's last one.
    """
    by_day = {}
    for table in forecasts:
        origin = table["origin"][0].as_py()
        is_over = table["hour"][-1].as_py() + HOUR <= end
        if is_over and table["model_version"][0].as_py() == version:
            by_day[origin.date()] = (origin, table)
    losses: dict[str, list[float]] = defaultdict(list)
    totals: dict[str, list[float]] = defaultdict(list)
    for _, table in by_day.values():
        for pollutant in truth:
            loss, total = _of_one(table, pollutant, truth[pollutant], end)
            losses[pollutant].append(loss)
            totals[pollutant].append(total)
    return Losses(
        tuple(origin for origin, _ in by_day.values()),
        {pollutant: np.array(values) for pollutant, values in losses.items()},
        {pollutant: np.array(values) for pollutant, values in totals.items()},
    )


def _of_one(
    table: pa.Table, pollutant: str, truth: tuple[tuple[str, ...], Floats], end: datetime
) -> tuple[float, float]:
    """Return the loss and total of one origin's forecasts of a pollutant."""
    devices, rows = truth
    table = table.filter(pc.equal(table["pollutant"], pollutant))
    place = pc.index_in(table["device_id"], value_set=pa.array(devices))
    table, row = table.filter(pc.is_valid(place)), pc.drop_null(place).to_numpy()
    hour = table["hour"].cast(pa.timestamp("us")).to_numpy()
    ago = (np.datetime64(end.replace(tzinfo=None), "us") - hour) // np.timedelta64(1, "h")
    within = ago <= rows.shape[1]
    actual = np.full(len(ago), np.nan)
    actual[within] = rows[row[within], -ago[within]]
    columns = [table[column].to_numpy() for column in QUANTILE_COLUMNS.values()]
    forecast = np.stack(columns, axis=-1)
    observed = np.isfinite(actual)
    loss = quantile_losses(actual[observed], forecast[observed])
    return float(loss.sum()), float(np.abs(actual[observed]).sum())
