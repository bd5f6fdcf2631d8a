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
    """The state of a training job.

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
        """Reads the response of ``DescribeTrainingJob``."""
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
    """Returns a unique name for a job."""
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
    """Builds the arguments of ``CreateTrainingJob`` for the lake's channels."""
    job = TrainingJob(
        name=name,
        algorithm=ALGORITHMS[algorithm].specification(image),
        hyperparameters=settings.of(names.workload).training.hyperparameters[algorithm],
        channels={channel: f"{CHANNELS.uri(names)}{channel}/" for channel in channels},
        output=TRAINING_OUTPUT.uri(names),
    )
    return training_job(job, owner(names, settings), instances(settings, algorithm))


def tags(names: Names, settings: Settings) -> dict[str, str]:
    """Returns the tags of all resources that the package creates."""
    return settings.tags.of(names.environment)


def owner(names: Names, settings: Settings) -> Owner:
    """Returns the role, key and tags of all jobs that the package starts."""
    return Owner.of(names, tags(names, settings))


def instances(settings: Settings, algorithm: str) -> Instances:
    """Returns the instance of a training job."""
    record = ALGORITHMS[algorithm]
    training = settings.of(record.workload).training
    return Instances(training.instance_type, record.volume_gb, training.max_runtime_seconds)


def accepted(create: Callable[..., Any], **wanted: Any) -> None:
    """Creates a job; an error contains SageMaker's own message.

    Raises
    ------
    ForecastingError
        SageMaker refuses the job.
    """
    try:
        create(**wanted)
    except ClientError as error:
        raise ForecastingError(f"SageMaker refused the job: {message_of(error)}") from None


def start(session: Any, names: Names, settings: Settings, algorithm: str, now: datetime) -> str:
    """Starts a job on the available channels, and stores a copy of their category index for it.

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
    """Reports the job's state until it is final, and returns the final state.

    Raises
    ------
    ForecastingError
        The job does not exist, failed or was stopped; the message has the reason and the log.
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
    """Returns the environment's newest completed job, of one algorithm or of any.

    Raises
    ------
    ForecastingError
        There is no completed job.
    """
    prefixes = tuple(f"{names.part(one)}-" for one in ([algorithm] if algorithm else ALGORITHMS))
    pages = (
        session.client("sagemaker")
        .get_paginator("list_training_jobs")
        .paginate(
            NameContains=names.prefix,  # matches anywhere in a name; checked again below
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
        f"no completed training job named {' or '.join(f'{p}…' for p in prefixes)}: run "
        "`make train` first"
    )


def categories_key(name: str) -> str:
    """Returns the key of a job's category index in the bucket of models."""
    return f"{TRAINING_OUTPUT.prefix}{name}/{CATEGORIES}"


def available_channels(s3: Any, names: Names) -> tuple[str, ...]:
    """Returns those of `CHANNEL_NAMES` that the ETL has written.

    Raises
    ------
    ForecastingError
        There is no channel to train on.
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
            f"bucket {bucket} does not exist: run `make plan` and `make apply` first"
        ) from None
    if "train" not in found:
        raise ForecastingError(
            f"nothing to train on in {CHANNELS.uri(names)}train/: run `make etl` first"
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
            f"the channels have no index of categories at s3://{bucket}/{source}: run `make etl`"
        ) from None
