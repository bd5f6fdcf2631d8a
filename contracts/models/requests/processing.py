"""Processing jobs: a container's command with a folder for each input and output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.models.requests.parts import Arguments, Instances, Owner

_ROOT = "/opt/ml/processing"


@dataclass(frozen=True)
class ProcessingJob:
    """A processing job: a command that reads and writes folders.

    Parameters
    ----------
    arguments
        The command and its options; ``--<input or output> <its folder>`` is appended for each.
    inputs, outputs
        S3 URI of each folder, by name.
    """

    name: str
    image: str
    arguments: Sequence[str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def processing_job(job: ProcessingJob, owner: Owner, instances: Instances) -> Arguments:
    """Arguments of ``CreateProcessingJob``."""
    folders = {part: f"{_ROOT}/{part}" for part in (*job.inputs, *job.outputs)}
    options = [text for part, folder in folders.items() for text in (f"--{part}", folder)]
    return {
        "ProcessingJobName": job.name,
        "RoleArn": owner.role,
        "AppSpecification": {
            "ImageUri": job.image,
            "ContainerArguments": [*job.arguments, *options],
        },
        # SageMaker sets AWS_REGION, which boto3 does not read
        "Environment": {"AWS_DEFAULT_REGION": owner.region},
        "ProcessingInputs": [
            {
                "InputName": part,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": folders[part],
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for part, uri in job.inputs.items()
        ],
        "ProcessingOutputConfig": {
            "KmsKeyId": owner.key,
            "Outputs": [
                {
                    "OutputName": part,
                    "S3Output": {
                        "S3Uri": uri,
                        "LocalPath": folders[part],
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for part, uri in job.outputs.items()
            ],
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": instances.instance_type,
                "VolumeSizeInGB": instances.volume_gb,
            }
        },
        "StoppingCondition": instances.stopping_condition,
        "Tags": owner.tag_list,
    }
