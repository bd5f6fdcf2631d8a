"""Locations in the lake. A location is a bucket's purpose and a key prefix in that bucket.

=====================================  =========================================================
``raw/telemetry/YYYY/MM/DD/HH/``       unchanged messages, gzip JSON Lines, by arrival (UTC)
``raw/errors/rule/YYYY/MM/DD/HH/``     messages that the topic rule could not forward
``raw/errors/confirmation/``           confirmed certificates whose rule failed
``raw/errors/delivery/``               records that Firehose could not deliver
``curated/telemetry/``                 readings, Delta, by the day they were taken (UTC)
``curated/quarantine/``                invalid messages and reasons, Delta, by arrival day
``curated/series_hourly/``             hourly series, Delta, a row per device, pollutant, hour
``curated/runs/date=…/<run>.parquet``  one row per run of a job, by the day it started
``curated/recent/<device_id>.json``    the last hours of one device, for the forecast API
``curated/forecasts/date=…/``          nightly forecasts, one object per origin
``models/channels/{train,test}/``      DeepAR's input channels
``models/channels/categories.json``    the index of categories, `forecast_input.CategoryIndex`
``models/training/<job>/``             a training job's output, and its index of categories
``models/evaluations/<run>/``          evaluation data and result of a retraining run;
                                       for a tuning job, its channels and its trials' models
``models/nightly/<run>/``              intermediate files of a run of nightly forecasts
``models/experiments/``                artefacts of SageMaker's managed MLflow
``{curated,models}/smoke/<run>/``      tables, channels and models of a smoke test, until its end
=====================================  =========================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.messages.telemetry import THING_NAME, is_thing_name
from contracts.names import BUILD_SERIES, COMPACT, TELEMETRY_TO_PARQUET, Names

_S3_URI = re.compile(r"s3://([^/]+)/(.+)", re.DOTALL)


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
RAW_CONFIRMATION_ERRORS = Location("raw", "errors/confirmation/")
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
SMOKE_TABLES = Location("curated", "smoke/")
SMOKE_MODELS = Location("models", "smoke/")

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
"""Locations passed to each Glue job as arguments; a run adds its window."""


def recent_key(device_id: str) -> str:
    """Returns the key of a device's last hours below `RECENT`.

    Raises
    ------
    ValueError
        The text is not the name of a device: it might lead out of the folder.
    """
    if not is_thing_name(device_id):
        raise ValueError(f"expected a device's name, {THING_NAME}; got {device_id[:200]!r}")
    return f"{device_id}.json"


def arrival_prefix(arrived: datetime) -> str:
    """Returns ``YYYY/MM/DD/HH/`` of an arrival time, in UTC."""
    return arrived.astimezone(UTC).strftime("%Y/%m/%d/%H/")


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Splits ``s3://bucket/key``; the key may be a prefix that ends in a slash.

    Raises
    ------
    ValueError
        It is not an S3 URI with a bucket and a key.
    """
    found = _S3_URI.fullmatch(uri)
    if found is None:
        raise ValueError(f"expected a URI such as s3://bucket/key; got {uri!r}")
    return found[1], found[2]
