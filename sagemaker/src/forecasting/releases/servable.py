"""Models that a production variant can serve: a training job's, or a version's in the registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from contracts.lake.locations import CHANNELS, TRAINING_OUTPUT, bucket_and_key
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
    """A model that the endpoint can serve.

    Parameters
    ----------
    model
        Name of the SageMaker model, which may not exist yet.
    categories
        S3 URI of the category index that the model was trained with.
    version, training_job
        Source of the model; exactly one is given.
    """

    model: str
    categories: str
    version: int | None = None
    training_job: str | None = None

    @property
    def source(self) -> str:
        """Describes the source."""
        if self.version is None:
            return f"training job {self.training_job}"
        return f"version {self.version}"

    def members(self) -> dict[str, str | int]:
        """Returns the members of a release's variant that identify the model."""
        if self.version is None:
            return {"model": self.model, "training_job": self.training_job or ""}
        return {"model": self.model, "version": self.version}


def find(session: Any, names: Names, text: str) -> Servable:
    """Finds a version (``v3``), an algorithm's newest completed training job, or a training job.

    Raises
    ------
    ForecastingError
        It does not exist or has no model, or the version is rejected.
    """
    if number := re.fullmatch(r"v(\d+)", text):
        version = registry.version(session, names, int(number[1]))
        if version.status == registry.REJECTED:
            raise ForecastingError(
                f"version {version.number} is rejected, so it is not deployed: run "
                f"`make approve VERSION={version.number}`, which deploys it alone"
            )
        return of_version(names, version)
    job = training.latest_completed(session, names, text) if text in ALGORITHMS else text
    return _of_job(session, names, job)


def of_version(names: Names, version: registry.Version) -> Servable:
    """Builds the servable of a version in the registry.

    Raises
    ------
    ForecastingError
        The version does not say which categories it was trained with.
    """
    categories = version.metadata.get("categories", "")
    try:
        bucket_and_key(categories)
    except ValueError as error:
        raise ForecastingError(
            f"version {version.number} of {names.model_package_group} does not say where its index "
            f"of categories is ({error}): it was not registered by `make retrain`"
        ) from None
    model = naming.model(names, version.number)
    return Servable(model, categories, version=version.number)


def _of_job(session: Any, names: Names, job: str) -> Servable:
    try:
        found = session.client("sagemaker").describe_training_job(TrainingJobName=job)
    except ClientError as error:
        raise ForecastingError(f"training job {job}: {message_of(error)}") from None
    if found["TrainingJobStatus"] != "Completed":
        raise ForecastingError(
            f"training job {job} is {found['TrainingJobStatus']}; only a completed one has a model"
        )
    bucket = names.bucket(TRAINING_OUTPUT.purpose)
    return Servable(job, f"s3://{bucket}/{categories_key(job)}", training_job=job)


def check_categories(s3: Any, names: Names, servable: Servable) -> None:
    """Checks that the lake's category index starts with the model's, which is read by position.

    Raises
    ------
    ForecastingError
        The lake's index does not start with the model's, or the model's index is missing.
    """
    trained = _object(s3, *bucket_and_key(servable.categories))
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
            "trained with: run `make train` first"
        )


def _object(s3: Any, bucket: str, key: str) -> bytes | None:
    try:
        content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket"):
            return None
        raise
    return content
