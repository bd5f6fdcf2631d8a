"""Where things lie in the lake. A location is a bucket's purpose and a key prefix in it.

=====================================  =========================================================
``raw/telemetry/YYYY/MM/DD/HH/``       messages as they came, gzip JSON Lines, by arrival (UTC)
``raw/errors/rule/YYYY/MM/DD/HH/``     messages that the topic rule could not pass on
``raw/errors/delivery/``               records that Firehose could not deliver
``curated/telemetry/``                 readings, Delta, by the day they were taken (UTC)
``curated/quarantine/``                what could not be read and why, Delta, by arrival day
``curated/series_hourly/``             hourly series, Delta, one row a device, pollutant and hour
``curated/runs/date=…/<run>.parquet``  what each run of a job did, by the day it began
``curated/recent/<device_id>.json``    the last hours of one device, for the forecast API
``curated/forecasts/date=…/``          what was forecast each night, one object an origin
``models/channels/{train,test}/``      DeepAR's input channels
``models/channels/categories.json``    the index of categories, `forecast_input.CategoryIndex`
``models/training/<job>/``             what a training job left, and the index it was trained with
``models/evaluations/<run>/``          on what a run of retraining judged models, and how it ended;
                                       of a tuning job, its channels and its trials' models
``models/nightly/<run>/``              what a run of nightly forecasts handed from step to step
``models/experiments/``                artefacts of SageMaker's managed MLflow
=====================================  =========================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.names import BUILD_SERIES, COMPACT, TELEMETRY_TO_PARQUET, Names


@dataclass(frozen=True)
class Location:
    """A place in the lake.

    Parameters
    ----------
    purpose
        Bucket, one of `contracts.names.BUCKET_PURPOSES`.
    prefix
        Key prefix, ending in a slash.
    """

    purpose: str
    prefix: str

    def uri(self, names: Names) -> str:
        return f"s3://{names.bucket(self.purpose)}/{self.prefix}"


RAW_TELEMETRY = Location("raw", "telemetry/")
RAW_RULE_ERRORS = Location("raw", "errors/rule/")
RAW_DELIVERY_ERRORS = Location("raw", "errors/delivery/")
TELEMETRY = Location("curated", "telemetry/")
QUARANTINE = Location("curated", "quarantine/")
SERIES_HOURLY = Location("curated", "series_hourly/")
RUNS = Location("curated", "runs/")
RECENT = Location("curated", "recent/")
FORECASTS = Location("curated", "forecasts/")
CHANNELS = Location("models", "channels/")
TRAINING_OUTPUT = Location("models", "training/")
EVALUATIONS = Location("models", "evaluations/")
NIGHTLY = Location("models", "nightly/")
EXPERIMENTS = Location("models", "experiments/")

JOB_LOCATIONS = {
    TELEMETRY_TO_PARQUET: {
        "raw_telemetry": RAW_TELEMETRY,
        "raw_errors": RAW_RULE_ERRORS,
        "telemetry": TELEMETRY,
        "quarantine": QUARANTINE,
        "runs": RUNS,
    },
    BUILD_SERIES: {
        "telemetry": TELEMETRY,
        "series": SERIES_HOURLY,
        "channels": CHANNELS,
        "recent": RECENT,
        "runs": RUNS,
    },
    COMPACT: {
        "telemetry": TELEMETRY,
        "quarantine": QUARANTINE,
        "series": SERIES_HOURLY,
        "runs": RUNS,
    },
}
"""Arguments of each Glue job that say where the lake lies; a run adds its window to them."""


def arrival_prefix(arrived: datetime) -> str:
    """``YYYY/MM/DD/HH/`` of an arrival time, in UTC."""
    return arrived.astimezone(UTC).strftime("%Y/%m/%d/%H/")


def arrival_prefixes(start: datetime, end: datetime) -> list[str]:
    """Hour prefixes that cover arrivals in ``[start, end)``, in order."""
    hour = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    prefixes = []
    while hour < end.astimezone(UTC):
        prefixes.append(arrival_prefix(hour))
        hour += timedelta(hours=1)
    return prefixes
