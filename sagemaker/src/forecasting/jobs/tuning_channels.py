"""Channels of a tuning job, which hold out days before those that the gate evaluates on.

`evaluation_container.preparation.tuning_channels` writes the channels and documents their content.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from contracts.lake.locations import CHANNELS, EVALUATIONS
from contracts.models.container_images import image_uri
from contracts.models.requests.parts import Instances
from contracts.models.requests.processing import ProcessingJob, processing_job
from contracts.names import Names, job_log_group
from contracts.settings.schema import Settings
from forecasting.errors import ForecastingError
from forecasting.jobs import training
from forecasting.jobs.search_settings import Search
from forecasting.polling import final_state

LOG_GROUP = job_log_group("Processing")
_SECONDS = 3600
_VOLUME_GB = 30


def folder_uri(names: Names, name: str) -> str:
    """Returns the folder of a tuning job."""
    return f"{EVALUATIONS.uri(names)}{name}/"


def channel_uri(names: Names, name: str, channel: str) -> str:
    """Returns the folder of one of a tuning job's own channels."""
    return f"{folder_uri(names, name)}{channel}/"


def request(names: Names, settings: Settings, search: Search, name: str) -> dict[str, Any]:
    """Builds the arguments of ``CreateProcessingJob`` for the job that writes the channels."""
    job = ProcessingJob(
        name=name,
        image=image_uri(names, "evaluation"),
        arguments=(
            "holdout",
            *("--origins", str(search.origins)),
            *("--kept", str(settings.forecast.retraining.origins)),
        ),
        inputs={"channel": f"{CHANNELS.uri(names)}test/"},  # whole series
        outputs={"out": folder_uri(names, name)},
    )
    instances = Instances(settings.forecast.retraining.instance_type, _VOLUME_GB, _SECONDS)
    return processing_job(job, training.owner(names, settings), instances)


def run(
    session: Any,
    names: Names,
    settings: Settings,
    search: Search,
    *,
    name: str,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Writes the channels of a tuning job, and returns a summary of their content.

    Raises
    ------
    ForecastingError
        The lake has no channels yet, or the job was refused or failed.
    """
    training.available_channels(session.client("s3"), names)
    sagemaker = session.client("sagemaker")
    training.accepted(sagemaker.create_processing_job, **request(names, settings, search, name))
    job = final_state(
        lambda: sagemaker.describe_processing_job(ProcessingJobName=name),
        lambda one: one["ProcessingJobStatus"] in training.FINAL,
        lambda one: report(one["ProcessingJobStatus"]),
        left=f"{name} only holds days out, so nothing is searched; make tune starts it all again",
    )
    if job["ProcessingJobStatus"] != "Completed":
        why = job.get("ExitMessage") or job.get("FailureReason") or "no reason was given"
        raise ForecastingError(
            f"processing job {name} {job['ProcessingJobStatus'].lower()}: {why} "
            f"(log: {LOG_GROUP}, streams {name}/…)"
        )
    found: dict[str, Any] = json.loads(job["ExitMessage"])
    return found
