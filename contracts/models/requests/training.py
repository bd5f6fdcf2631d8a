"""Training jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.models.requests.parts import Arguments, Instances, Owner


@dataclass(frozen=True)
class TrainingJob:
    """A training job of one algorithm.

    Parameters
    ----------
    algorithm
        ``AlgorithmSpecification``, or an expression of it.
    hyperparameters
        Values (text) by name, or an expression of them.
    channels
        S3 URI of each channel.
    output
        S3 URI below which the job writes ``<name>/output/model.tar.gz``.
    """

    name: str
    algorithm: Mapping[str, Any] | str
    hyperparameters: Mapping[str, str] | str
    channels: Mapping[str, str]
    output: str


def training_job(job: TrainingJob, owner: Owner, instances: Instances) -> Arguments:
    """Arguments of ``CreateTrainingJob``."""
    return {
        "TrainingJobName": job.name,
        "AlgorithmSpecification": _plain(job.algorithm),
        "RoleArn": owner.role,
        "HyperParameters": _plain(job.hyperparameters),
        **input_and_output(job, owner, instances),
        "Tags": owner.tag_list,
    }


def input_and_output(job: TrainingJob, owner: Owner, instances: Instances) -> Arguments:
    """Returns channels, output, instance and time limit, which tuning jobs need as well."""
    return {
        "InputDataConfig": [
            {
                "ChannelName": channel,
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": uri,
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
            for channel, uri in job.channels.items()
        ],
        "OutputDataConfig": {"S3OutputPath": job.output, "KmsKeyId": owner.key},
        "ResourceConfig": {
            "InstanceType": instances.instance_type,
            "InstanceCount": 1,
            "VolumeSizeInGB": instances.volume_gb,
        },
        "StoppingCondition": instances.stopping_condition,
    }


def _plain(members: Mapping[str, Any] | str) -> dict[str, Any] | str:
    return members if isinstance(members, str) else dict(members)
