"""Training jobs on the lake's channels."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from contracts.lake.locations import CHANNELS, TRAINING_OUTPUT
from contracts.models import naming
from contracts.models.algorithms import ALGORITHMS
from contracts.models.requests.parts import Instances, Owner
from contracts.models.requests.training import TrainingJob, training_job
from contracts.names import Names, job_log_group
from contracts.settings.schema import Settings
from forecasting.errors import ForecastingError, message_of
from forecasting.jobs.images import training_image
from forecasting.polling import final_state

CHANNEL_NAMES = ("train", "test")
CATEGORIES = "categories.json"
LOG_GROUP = job_log_group("Training")

FINAL = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class TrainingState:
    """What a training job says of itself.

    Parameters
    ----------
    metrics
        Latest value by name, for example ``train:loss``.
    """

    job: str
    status: str
    phase: str
    failure: str
    metrics: Mapping[str, float]

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> TrainingState:
        """Read ``DescribeTrainingJob``'s answer."""
        return cls(
            job=description["TrainingJobName"],
            status=description["TrainingJobStatus"],
            phase=description.get("SecondaryStatus", ""),
            failure=description.get("FailureReason", ""),
            metrics={
                metric["MetricName"]: metric["Value"]
                for metric in description.get("FinalMetricDataList", [])
            },
        )


def job_name(names: Names, algorithm: str, now: datetime) -> str:
    """A name that no other job has."""
    return naming.training_job(names, algorithm, now, secrets.token_hex(2))


def request(
    names: Names,
    settings: Settings,
    algorithm: str,
    *,
    name: str,
    image: str,
    channels: tuple[str, ...],
) -> dict[str, Any]:
    """Arguments of ``CreateTrainingJob`` on the lake's channels."""
    job = TrainingJob(
        name=name,
        algorithm=ALGORITHMS[algorithm].specification(image),
        hyperparameters=settings.training.hyperparameters[algorithm],
        channels={channel: f"{CHANNELS.uri(names)}{channel}/" for channel in channels},
        output=TRAINING_OUTPUT.uri(names),
    )
    return training_job(job, owner(names, settings), instances(settings, algorithm))


def tags(names: Names, settings: Settings) -> dict[str, str]:
    """Tags of every resource that is released here."""
    return settings.tags.of(names.environment)


def owner(names: Names, settings: Settings) -> Owner:
    """Role, key and tags of every job that is started here."""
    return Owner.of(names, tags(names, settings))


def instances(settings: Settings, algorithm: str) -> Instances:
    """Instance of a training job."""
    training, volume_gb = settings.training, ALGORITHMS[algorithm].volume_gb
    return Instances(training.instance_type, volume_gb, training.max_runtime_seconds)


def accepted(create: Callable[..., Any], **wanted: Any) -> None:
    """Ask for a job; a refusal is told in SageMaker's words.

    Raises
    ------
    ForecastingError
        SageMaker refuses it.
    """
    try:
        create(**wanted)
    except ClientError as error:
        raise ForecastingError(f"SageMaker refused the job: {message_of(error)}") from None


def start(session: Any, names: Names, settings: Settings, algorithm: str, now: datetime) -> str:
    """Start a job on the channels that are there, and keep their index of categories with it.

    Raises
    ------
    ForecastingError
        There are no channels to train on, or SageMaker refuses the job.
    """
    image = training_image(names, algorithm)
    s3 = session.client("s3")
    channels = available_channels(s3, names)
    name = job_name(names, algorithm, now)
    _keep_categories(s3, names, name)
    wanted = request(names, settings, algorithm, name=name, image=image, channels=channels)
    accepted(session.client("sagemaker").create_training_job, **wanted)
    return name


def wait(
    session: Any,
    name: str,
    report: Callable[[TrainingState], None],
    sleep: Callable[[float], None] = time.sleep,
) -> TrainingState:
    """Report the job's state until it is a final one, and return that.

    Raises
    ------
    ForecastingError
        There is no such job, or it failed or was stopped; with its reason and the place of its log.
    """
    sagemaker = session.client("sagemaker")

    def ask() -> TrainingState:
        try:
            return TrainingState.of(sagemaker.describe_training_job(TrainingJobName=name))
        except ClientError as error:
            raise ForecastingError(f"training job {name}: {message_of(error)}") from None

    state = final_state(
        ask,
        lambda now: now.status in FINAL,
        report,
        sleep,
        left=f"{name} goes on by itself; make train JOB={name} waits for it again",
    )
    if state.status != "Completed":
        raise ForecastingError(
            f"training job {name} {state.status.lower()}: {state.failure or 'no reason was given'} "
            f"(log: {LOG_GROUP}, streams {name}/…)"
        )
    return state


def latest_completed(session: Any, names: Names, algorithm: str | None = None) -> str:
    """The newest job of this environment that completed; of one algorithm, or of any.

    Raises
    ------
    ForecastingError
        There is none.
    """
    prefixes = tuple(f"{names.part(one)}-" for one in ([algorithm] if algorithm else ALGORITHMS))
    pages = (
        session.client("sagemaker")
        .get_paginator("list_training_jobs")
        .paginate(
            NameContains=names.prefix,  # anywhere in a name, so it is looked at once more
            StatusEquals="Completed",
            SortBy="CreationTime",
            SortOrder="Descending",
        )
    )
    for page in pages:
        for job in page["TrainingJobSummaries"]:
            name = str(job["TrainingJobName"])
            if name.startswith(prefixes):
                return name
    raise ForecastingError(
        f"no completed training job named {' or '.join(f'{p}…' for p in prefixes)}: say "
        "`make train` first"
    )


def categories_key(name: str) -> str:
    """Key, in the bucket of models, of the index of categories a job was trained with."""
    return f"{TRAINING_OUTPUT.prefix}{name}/{CATEGORIES}"


def available_channels(s3: Any, names: Names) -> tuple[str, ...]:
    """Those of `CHANNEL_NAMES` that the ETL has written.

    Raises
    ------
    ForecastingError
        There is none to train on.
    """
    bucket = names.bucket(CHANNELS.purpose)
    try:
        found = tuple(
            channel
            for channel in CHANNEL_NAMES
            if s3.list_objects_v2(
                Bucket=bucket, Prefix=f"{CHANNELS.prefix}{channel}/", MaxKeys=1
            ).get("KeyCount")
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
        raise ForecastingError(
            f"bucket {bucket} does not exist: say `make plan` and `make apply` first"
        ) from None
    if "train" not in found:
        raise ForecastingError(
            f"nothing to train on in {CHANNELS.uri(names)}train/: say `make etl` first"
        )
    return found


def _keep_categories(s3: Any, names: Names, name: str) -> None:
    bucket = names.bucket(CHANNELS.purpose)
    source = f"{CHANNELS.prefix}{CATEGORIES}"
    try:
        s3.copy_object(
            Bucket=bucket,
            Key=categories_key(name),
            CopySource={"Bucket": bucket, "Key": source},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
            raise
        raise ForecastingError(
            f"the channels have no index of categories at s3://{bucket}/{source}: say `make etl`"
        ) from None
