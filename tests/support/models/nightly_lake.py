"""A month of two devices in the lake, a tiny model in the registry, and a week of forecasts."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from boosting_container import training
from boosting_container.hyperparameters import Hyperparameters
from deltalake import write_deltalake
from evaluation_container.drift import reference
from evaluation_container.nightly import forecasts
from forecast_format.related import with_related
from forecast_format.series import Series

from contracts.lake.forecasts import forecasts_key
from contracts.lake.locations import EVALUATIONS, FORECASTS, RECENT, SERIES_HOURLY, TRAINING_OUTPUT
from contracts.messages.telemetry import POLLUTANTS
from contracts.models.container_images import image_uri
from contracts.models.forecast_input import HORIZON, QUANTILES, CategoryIndex, RecentHistory
from contracts.names import Names
from tests.support.models.forecasting_lake import series_rows

DAYS = 30
START = datetime(2026, 5, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
DEVICES = ("harbour", "hill")
MEASURED = ("ozone", "carbon_monoxide")
INDEX = CategoryIndex.of(DEVICES, MEASURED)
SERIES = [(device, pollutant) for device in DEVICES for pollutant in MEASURED]


def values(device: str, pollutant: str) -> np.ndarray:
    """Returns a daily cycle with noise, at a level specific to the series."""
    seed = SERIES.index((device, pollutant))
    noise = np.random.default_rng(seed).lognormal(sigma=0.3, size=DAYS * 24)
    cycle = 1.5 + np.sin(2 * np.pi * np.arange(DAYS * 24) / 24)
    return (10.0 + 300 * seed) * cycle * noise


class NightlyLake:
    """Input of the nightly forecasts, written with an administrator's permissions."""

    def __init__(self, session: Any, names: Names) -> None:
        self._names = names
        self._s3 = session.client("s3")
        self._sagemaker = session.client("sagemaker")
        for purpose in ("curated", "models"):
            self._s3.create_bucket(
                Bucket=names.bucket(purpose),
                CreateBucketConfiguration={"LocationConstraint": names.region},
            )

    def write(self, *, last_week_times: float = 1.0) -> None:
        """Writes histories as the series job does, and the table of series.

        Parameters
        ----------
        last_week_times
            Factor of the last week's values in the histories.
        """
        factor = np.ones(DAYS * 24)
        factor[-7 * 24 :] = last_week_times
        for device in DEVICES:
            rows = {p: (values(device, p) * factor).tolist() for p in MEASURED}
            gaps: list[float | None] = [None] * (DAYS * 24)
            target = {pollutant: rows.get(pollutant, gaps) for pollutant in POLLUTANTS}
            cat = {pollutant: INDEX.cat(device, pollutant) for pollutant in MEASURED}
            history = RecentHistory(device, f"{START:%Y-%m-%d %H:%M:%S}", target, cat, target)
            self._put(RECENT, f"{device}.json", history.to_json().encode())
        rows = [
            row
            for device, pollutant in SERIES
            for row in series_rows(device, pollutant, START, values(device, pollutant))
        ]
        with tempfile.TemporaryDirectory() as folder:
            write_deltalake(folder, pa.Table.from_pylist(rows), partition_by=["date"])
            for path in Path(folder).rglob("*.*"):
                self._put(SERIES_HOURLY, str(path.relative_to(folder)), path.read_bytes())

    def write_past_forecasts(self, version: int) -> None:
        """Writes a week of nightly forecasts, each 10 % above the observed value."""
        for day in range(DAYS - 7, DAYS):
            origin = START + timedelta(days=day)
            answers = []
            for device, pollutant in SERIES:
                told = (1.1 * values(device, pollutant)[day * 24 :][:HORIZON]).tolist()
                answers.append({"mean": told, "quantiles": dict.fromkeys(QUANTILES, told)})
            plan = forecasts.Plan(origin, tuple(SERIES))
            table = forecasts.table_of(plan, answers, run="earlier", version=version)
            content = io.BytesIO()
            pq.write_table(table, content)
            self._put(FORECASTS, forecasts_key(origin), content.getvalue())

    def register(self, folder: Path, status: str) -> str:
        """Trains a tiny model, registers it as retraining does, and returns its version's ARN."""
        series = with_related([_series(device, pollutant) for device, pollutant in SERIES])
        small = Hyperparameters("H", HORIZON, rounds=4, num_leaves=4, folds=2, min_data_in_leaf=20)
        model, _ = training.fit(series, small)
        model.save(folder)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            tar.add(folder, arcname=".")
        self._put(TRAINING_OUTPUT, "tiny/output/model.tar.gz", archive.getvalue())
        self._put(TRAINING_OUTPUT, "tiny/categories.json", INDEX.to_json().encode())
        self._put(EVALUATIONS, "tiny/report/reference.json", _reference(series))
        models = self._names.bucket("models")
        statistics = {
            "ContentType": "application/json",
            "S3Uri": f"s3://{models}/{EVALUATIONS.prefix}tiny/report/reference.json",
        }
        made = self._sagemaker.create_model_package(
            ModelPackageGroupName=self._names.model_package_group,
            ModelApprovalStatus=status,
            InferenceSpecification={
                "Containers": [
                    {
                        "Image": image_uri(self._names, "boosting"),
                        "ModelDataUrl": (
                            f"s3://{models}/{TRAINING_OUTPUT.prefix}tiny/output/model.tar.gz"
                        ),
                    }
                ]
            },
            DriftCheckBaselines={"ModelDataQuality": {"Statistics": statistics}},
            CustomerMetadataProperties={
                "categories": f"s3://{models}/{TRAINING_OUTPUT.prefix}tiny/categories.json"
            },
        )
        arn: str = made["ModelPackageArn"]
        return arn

    def _put(self, place: Any, key: str, content: bytes) -> None:
        self._s3.put_object(
            Bucket=self._names.bucket(place.purpose), Key=f"{place.prefix}{key}", Body=content
        )


def _series(device: str, pollutant: str) -> Series:
    start = pd.Period(START.replace(tzinfo=None), freq="h")
    target = values(device, pollutant).astype(np.float32)
    return Series(start, target, tuple(INDEX.cat(device, pollutant)))


def _reference(series: list[Series]) -> bytes:
    """Returns the reference of a model with a loss of 0.2 on each day of its evaluation week."""
    usual = reference.of_input(reference.by_pollutant(series, INDEX))
    days = np.ones(7)
    lost = dict.fromkeys(MEASURED, 0.2 * days)
    with tempfile.TemporaryDirectory() as folder:
        judged = reference.with_losses(usual, lost, dict.fromkeys(MEASURED, days))
        judged.write(Path(folder))
        content: bytes = (Path(folder) / reference.FILE).read_bytes()
    assert json.loads(content)["distance"]
    return content
