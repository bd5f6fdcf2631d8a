"""A small lake and SageMaker's role as in the estate, created without Terraform."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake

from contracts.lake.locations import CHANNELS, SERIES_HOURLY
from contracts.models.forecast_input import START_FORMAT, CategoryIndex
from contracts.names import Names
from localcloud.cloud.launch import LocalCloud

ROOT = Path(__file__).parents[3]

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 18
HORIZON = 24
DEVICES = ("device-1", "device-2")
POLLUTANTS = ("ozone", "carbon_monoxide")
INDEX = CategoryIndex.of(DEVICES, POLLUTANTS)

SETTINGS = """
[forecast.training]
algorithm = "deepar"
instance_type = "ml.m5.large"
max_runtime_seconds = 300

[forecast.training.hyperparameters.boosting]
time_freq = "H"
prediction_length = "24"

[forecast.training.hyperparameters.deepar]
time_freq = "H"
prediction_length = "24"
context_length = "24"
epochs = "{epochs}"
num_cells = "8"
num_layers = "1"
mini_batch_size = "16"
likelihood = "{likelihood}"

[forecast.retraining]
origins = 5
instance_type = "ml.m5.large"

[forecast.endpoint]
instance_type = "ml.m5.large"
initial_instance_count = 1

[tags]
owner = "tests"
"""


def environment(cloud: LocalCloud) -> dict[str, str]:
    """Returns the variables of a process that runs the command line against a cloud."""
    return {**os.environ, **cloud.env, "LAKECAST_ENV": "local", "COLUMNS": "200"}


def command(cloud: LocalCloud, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs ``lakecast models`` in a process with the cloud's variables."""
    return subprocess.run(
        [sys.executable, "-m", "lakecast", "models", *map(str, arguments)],
        cwd=ROOT,
        env=environment(cloud),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def values(device: str, pollutant: str) -> np.ndarray:
    """Returns hourly values with a daily cycle; carbon monoxide's are far larger, as in reality."""
    hours = np.arange(DAYS * 24)
    level = (1 + DEVICES.index(device)) * (800.0 if pollutant == "carbon_monoxide" else 40.0)
    return level * (1.2 + np.sin(2 * np.pi * hours / 24))


def write(session, names: Names, likelihood: str = "student-T") -> None:
    """Creates bucket, role, key and all output of the ETL."""
    s3 = session.client("s3")
    for purpose in ("models", "curated"):
        s3.create_bucket(
            Bucket=names.bucket(purpose),
            CreateBucketConfiguration={"LocationConstraint": names.region},
        )
    _role(session.client("iam"), names)
    kms = session.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=names.key_alias, TargetKeyId=key)
    _write_channels(s3, names)
    write_series(s3, names)


def write_channels(session, names: Names) -> None:
    """Creates only bucket and channels, for tests in which Terraform creates key and role."""
    s3 = session.client("s3")
    s3.create_bucket(
        Bucket=names.bucket("models"),
        CreateBucketConfiguration={"LocationConstraint": names.region},
    )
    _write_channels(s3, names)


def _write_channels(s3, names: Names) -> None:
    for channel, until in (("train", -HORIZON), ("test", None)):
        rows = [
            {
                "start": START.strftime(START_FORMAT),
                "target": values(device, pollutant)[:until].tolist(),
                "cat": INDEX.cat(device, pollutant),
            }
            for device in DEVICES
            for pollutant in POLLUTANTS
        ]
        put_parquet(s3, names.bucket("models"), f"{CHANNELS.prefix}{channel}/part-0.parquet", rows)
    put_categories(s3, names, INDEX)


def series_rows(
    device: str, pollutant: str, start: datetime, values: np.ndarray
) -> list[dict[str, object]]:
    """Returns the rows of a series in the table of hourly series."""
    return [
        {
            "device_id": device,
            "pollutant": pollutant,
            "hour": (hour := start + timedelta(hours=number)),
            "value": float(value),
            "date": f"{hour:%Y-%m-%d}",
        }
        for number, value in enumerate(values)
    ]


def write_series(s3, names: Names) -> None:
    """Writes the table of series as build_series would commit it."""
    rows = [
        row
        for device in DEVICES
        for pollutant in POLLUTANTS
        for row in series_rows(device, pollutant, START, values(device, pollutant))
    ]
    with tempfile.TemporaryDirectory() as folder:
        write_deltalake(folder, pa.Table.from_pylist(rows), partition_by=["date"])
        for path in Path(folder).rglob("*.*"):
            key = f"{SERIES_HOURLY.prefix}{path.relative_to(folder)}"
            s3.upload_file(str(path), names.bucket("curated"), key)


def put_parquet(s3, bucket: str, key: str, rows: list[dict]) -> None:
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), content)
    s3.put_object(Bucket=bucket, Key=key, Body=content.getvalue())


def put_categories(s3, names: Names, index: CategoryIndex) -> None:
    s3.put_object(
        Bucket=names.bucket("models"),
        Key=f"{CHANNELS.prefix}categories.json",
        Body=index.to_json().encode(),
    )


def _role(iam, names: Names) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sagemaker.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    bucket = f"arn:aws:s3:::{names.bucket('models')}"
    rights = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetObject", "s3:PutObject"],
                "Resource": [bucket, f"{bucket}/*"],
            }
        ],
    }
    name = names.part("sagemaker")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=json.dumps(rights))
