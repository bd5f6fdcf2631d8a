"""The channels of a tuning job: days held out from training, before those that the gate judges on.

`evaluation_container.preparation.tuning_channels` writes them and says what is in them, and why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from contracts.lake.locations import CHANNELS, EVALUATIONS
from contracts.models.container_images import image_uri
from contracts.names import Names
from forecasting.errors import ForecastingError
from forecasting.jobs import training
from forecasting.jobs.search_settings import Search
from forecasting.polling import final_state
from forecasting.settings import Settings

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_FOLDER = "/opt/ml/processing"
_SECONDS = 3600


def channel_uri(names: Names, name: str, channel: str) -> str:
    """Where a tuning job's own channels lie."""
    return f"{EVALUATIONS.uri(names)}{name}/{channel}/"


def request(names: Names, settings: Settings, search: Search, name: str) -> dict[str, Any]:
    """Parameters of ``CreateProcessingJob``: the job that writes the channels to tune on."""
    inputs, outputs = f"{_FOLDER}/input/channel", f"{_FOLDER}/output"
    arguments = {
        "--channel": inputs,
        "--out": outputs,
        "--origins": str(search.origins),
        "--kept": str(settings.retraining.origins),
    }
    return {
        "ProcessingJobName": name,
        "RoleArn": names.role_arn("sagemaker"),
        "AppSpecification": {
            "ImageUri": image_uri(names, "evaluation"),
            "ContainerArguments": [
                "holdout",
                *(part for pair in arguments.items() for part in pair),
            ],
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": settings.retraining.instance_type,
                "InstanceCount": 1,
                "VolumeSizeInGB": settings.training.volume_gb,
            }
        },
        "ProcessingInputs": [
            {
                "InputName": "channel",
                "S3Input": {
                    "S3Uri": f"{CHANNELS.uri(names)}test/",  # whole series
                    "LocalPath": inputs,
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": channel,
                    "S3Output": {
                        "S3Uri": channel_uri(names, name, channel),
                        "LocalPath": f"{outputs}/{channel}",
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for channel in training.CHANNEL_NAMES
            ],
            "KmsKeyId": names.key_alias,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": _SECONDS},
        "Tags": training.tag_list(names, settings),
    }


def run(
    session: Any,
    names: Names,
    settings: Settings,
    search: Search,
    *,
    name: str,
    report: Callable[[str], None],
) -> dict[str, Any]:
    """Write the channels to tune on, and say what is in them.

    Raises
    ------
    ForecastingError
        There are no channels yet, or the job was refused or failed.
    """
    training.available_channels(session.client("s3"), names)
    sagemaker = session.client("sagemaker")
    training.accepted(sagemaker.create_processing_job, **request(names, settings, search, name))
    job = final_state(
        lambda: sagemaker.describe_processing_job(ProcessingJobName=name),
        lambda one: one["ProcessingJobStatus"] in training.FINAL,
        lambda one: report(one["ProcessingJobStatus"]),
    )
    if job["ProcessingJobStatus"] != "Completed":
        why = job.get("ExitMessage") or job.get("FailureReason") or "no reason was given"
        raise ForecastingError(
            f"processing job {name} {job['ProcessingJobStatus'].lower()}: {why} "
            f"(log: {LOG_GROUP}, streams {name}/…)"
        )
    found: dict[str, Any] = json.loads(job["ExitMessage"])
    return found
