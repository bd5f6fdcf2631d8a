"""The nightly forecasts of some days, out of the lake, beside what came."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.lake.forecasts import QUANTILE_COLUMNS
from evaluation_container.nightly.recent_histories import HOUR
from evaluation_container.scoring.drift_statistics import Hours
from evaluation_container.scoring.metrics import Floats, quantile_losses

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Losses:
    """Of some origins: quantile losses and what came, summed over devices and hours.

    Parameters
    ----------
    losses, totals
        By pollutant, one value an origin; `reference.with_losses` says what they are.
    """

    origins: tuple[datetime, ...]
    losses: Mapping[str, Floats]
    totals: Mapping[str, Floats]


def read(s3: Any, lake: str, first: datetime, last: datetime) -> Iterator[pa.Table]:
    """Rows of every origin in days of the table, one origin at a time.

    Parameters
    ----------
    s3
        A boto3 client.
    lake
        S3 URI of the table.
    first, last
        Of the days, both included.
    """
    place = urlsplit(lake)
    bucket, prefix = place.netloc, place.path.lstrip("/")
    for number in range((last.date() - first.date()).days + 1):
        day = f"{prefix}date={first + number * DAY:%Y-%m-%d}/"
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=day):
            for item in page.get("Contents", []):
                body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                yield pq.read_table(io.BytesIO(body))


def losses(forecasts: Iterable[pa.Table], truth: Hours, end: datetime, version: int) -> Losses:
    """Losses of a version's forecasts whose last hour lies before the end of the truth.

    Of several origins of a day, the last one counts, so that a night that was repeated weighs as
    much as others.

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
    lost: dict[str, list[float]] = defaultdict(list)
    total: dict[str, list[float]] = defaultdict(list)
    for _, table in by_day.values():
        for pollutant in truth:
            loss, amount = _of_one(table, pollutant, truth[pollutant], end)
            lost[pollutant].append(loss)
            total[pollutant].append(amount)
    return Losses(
        tuple(origin for origin, _ in by_day.values()),
        {pollutant: np.array(values) for pollutant, values in lost.items()},
        {pollutant: np.array(values) for pollutant, values in total.items()},
    )


def _of_one(
    table: pa.Table, pollutant: str, truth: tuple[tuple[str, ...], Floats], end: datetime
) -> tuple[float, float]:
    """Loss and amount of one origin's forecasts of a pollutant."""
    devices, rows = truth
    table = table.filter(pc.equal(table["pollutant"], pollutant))
    place = pc.index_in(table["device_id"], value_set=pa.array(devices))
    table, row = table.filter(pc.is_valid(place)), pc.drop_null(place).to_numpy()
    hour = table["hour"].cast(pa.timestamp("us")).to_numpy()
    ago = (np.datetime64(end.replace(tzinfo=None), "us") - hour) // np.timedelta64(1, "h")
    within = ago <= rows.shape[1]
    came = np.full(len(ago), np.nan)
    came[within] = rows[row[within], -ago[within]]
    told = np.stack([table[column].to_numpy() for column in QUANTILE_COLUMNS.values()], axis=-1)
    observed = np.isfinite(came)
    lost = quantile_losses(came[observed], told[observed])
    return float(lost.sum()), float(np.abs(came[observed]).sum())
