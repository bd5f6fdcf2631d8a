"""What a production variant can serve: a training job's model, or a version of the registry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from contracts.lake.locations import CHANNELS, TRAINING_OUTPUT
from contracts.models import naming
from contracts.models.algorithms import ALGORITHMS
from contracts.models.forecast_input import CategoryIndex
from contracts.names import Names
from forecasting.errors import ForecastingError, message_of
from forecasting.jobs import training
from forecasting.jobs.training import CATEGORIES, categories_key
from forecasting.releases import registry


@dataclass(frozen=True)
class Servable:
    """A model that can be made of something.

    Parameters
    ----------
    model
        Name that the SageMaker model has, or is given.
    source
        What it is made of, in words.
    container
        As CreateModel takes it.
    categories
        S3 URI of the index of categories that it was trained with.
    """

    model: str
    source: str
    container: Mapping[str, str]
    categories: str


def find(session: Any, names: Names, text: str) -> Servable:
    """What ``v3``, an algorithm (its newest completed training job) or a training job stands for.

    Raises
    ------
    ForecastingError
        There is no such thing, or it has no model.
    """
    if number := re.fullmatch(r"v(\d+)", text):
        return of_version(names, registry.version(session, names, int(number[1])))
    job = training.latest_completed(session, names, text) if text in ALGORITHMS else text
    return _of_job(session, names, job)


def of_version(names: Names, version: registry.Version) -> Servable:
    """A version of the registry.

    Raises
    ------
    ForecastingError
        It does not say what categories it was trained with.
    """
    categories = version.metadata.get("categories", "")
    if not categories.startswith("s3://"):
        raise ForecastingError(
            f"version {version.number} of {names.model_package_group} does not say where its index "
            "of categories is: it was not registered by `make retrain`"
        )
    return Servable(
        naming.model(names, version.number),
        f"version {version.number}",
        {"ModelPackageName": version.arn},
        categories,
    )


def _of_job(session: Any, names: Names, job: str) -> Servable:
    try:
        found = session.client("sagemaker").describe_training_job(TrainingJobName=job)
    except ClientError as error:
        raise ForecastingError(f"training job {job}: {message_of(error)}") from None
    if found["TrainingJobStatus"] != "Completed":
        raise ForecastingError(
            f"training job {job} is {found['TrainingJobStatus']}; only a completed one has a model"
        )
    container = {
        "Image": found["AlgorithmSpecification"]["TrainingImage"],
        "ModelDataUrl": found["ModelArtifacts"]["S3ModelArtifacts"],
    }
    bucket = names.bucket(TRAINING_OUTPUT.purpose)
    return Servable(job, f"training job {job}", container, f"s3://{bucket}/{categories_key(job)}")


def create_model(
    sagemaker: Any, names: Names, servable: Servable, labels: list[dict[str, str]]
) -> None:
    """Have the SageMaker model, made now where it is not there yet."""
    try:
        sagemaker.describe_model(ModelName=servable.model)
    except ClientError as error:
        if "Could not find" not in message_of(error):  # SageMaker has no code of its own for it
            raise
        sagemaker.create_model(
            ModelName=servable.model,
            ExecutionRoleArn=names.role_arn("sagemaker"),
            PrimaryContainer=dict(servable.container),
            Tags=labels,
        )


def check_categories(s3: Any, names: Names, servable: Servable) -> None:
    """A model reads categories by position: the lake's index must begin with the one it learnt.

    Raises
    ------
    ForecastingError
        It does not, or the model's index is missing.
    """
    trained = _object(s3, *servable.categories.removeprefix("s3://").split("/", 1))
    current = _object(s3, names.bucket(CHANNELS.purpose), f"{CHANNELS.prefix}{CATEGORIES}")
    if trained is None:
        raise ForecastingError(
            f"{servable.source} has no index of categories at {servable.categories}: it was not "
            "started by `make train` or `make retrain`"
        )
    if current is not None and not CategoryIndex.from_json(current.decode()).begins_with(
        CategoryIndex.from_json(trained.decode())
    ):
        raise ForecastingError(
            f"the lake's categories mean other devices than those that {servable.source} was "
            "trained with: say `make train` first"
        )


def _object(s3: Any, bucket: str, key: str) -> bytes | None:
    try:
        content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket"):
            return None
        raise
    return content
