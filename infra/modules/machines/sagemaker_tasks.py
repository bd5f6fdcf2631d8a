"""Requests for SageMaker's jobs, as tasks of a state machine make them and wait for their end.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.models.container_images import image_uri
from contracts.names import Names
from infra.modules.core.policy import Statement

Request = tuple[str, dict[str, Any]]
"""An integration's name, and its arguments."""

_PROCESSING = "/opt/ml/processing"


def processing(
    names: Names,
    *,
    name: str,
    role: str,
    instance_type: str,
    arguments: Sequence[str],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    tags: Mapping[str, str],
    max_runtime_seconds: int = 3600,
) -> Request:
    """A command of the evaluation container.

    Parameters
    ----------
    arguments
        The command and its options, to which ``--<input or output> <its folder>`` are added.
    inputs, outputs
        S3 URI of each folder.
    """
    folders = {part: f"{_PROCESSING}/{part}" for part in (*inputs, *outputs)}
    options = [text for part, folder in folders.items() for text in (f"--{part}", folder)]
    return "sagemaker:createProcessingJob.sync", {
        "ProcessingJobName": name,
        "RoleArn": role,
        "AppSpecification": {
            "ImageUri": image_uri(names, "evaluation"),
            "ContainerArguments": [*arguments, *options],
        },
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
            for part, uri in inputs.items()
        ],
        "ProcessingOutputConfig": {
            "KmsKeyId": names.key_alias,
            "Outputs": [
                {
                    "OutputName": part,
                    "S3Output": {
                        "S3Uri": uri,
                        "LocalPath": folders[part],
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for part, uri in outputs.items()
            ],
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": instance_type,
                "VolumeSizeInGB": 30,
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": max_runtime_seconds},
        "Tags": _tags(tags),
    }


def transform(
    names: Names,
    *,
    name: str,
    model: str,
    instance_type: str,
    source: str,
    target: str,
    configuration: str,
    tags: Mapping[str, str],
) -> Request:
    """A model's answers to every line below an S3 URI, in files of the same names and ``.out``.

    Parameters
    ----------
    configuration
        Of the answers, in JSON: DeepAR's ``DEEPAR_INFERENCE_CONFIG``.
    """
    return "sagemaker:createTransformJob.sync", {
        "TransformJobName": name,
        "ModelName": model,
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": 1,  # so that no request holds more lines than are answered at once
        "Environment": {"DEEPAR_INFERENCE_CONFIG": configuration},
        "TransformInput": {
            "ContentType": "application/jsonlines",
            "SplitType": "Line",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
        },
        "TransformOutput": {
            "S3OutputPath": target,
            "Accept": "application/jsonlines",
            "AssembleWith": "Line",
            "KmsKeyId": names.key_alias,
        },
        "TransformResources": {"InstanceType": instance_type, "InstanceCount": 1},
        "Tags": _tags(tags),
    }


def job_statements(names: Names, part: str, kinds: Sequence[str]) -> tuple[Statement, ...]:
    """Leave to run jobs whose names begin with a part, and to learn of their end.

    Parameters
    ----------
    kinds
        Of jobs, as in ``Processing``.
    """
    sagemaker = f"arn:aws:sagemaker:{names.region}:{names.account_id}"
    rules = f"arn:aws:events:{names.region}:{names.account_id}:rule"
    jobs = [f"{sagemaker}:{kind.lower()}-job/{names.part(part)}-*" for kind in kinds]
    return (
        Statement(
            "RunJobs",
            (
                "sagemaker:AddTags",
                *(f"sagemaker:{verb}{kind}Job"
                  for kind in kinds for verb in ("Create", "Describe", "Stop")),
            ),
            tuple(jobs),
        ),
        Statement(
            "LearnOfTheirEnd",
            ("events:DescribeRule", "events:PutRule", "events:PutTargets"),
            # Step Functions' own rules, one an account and region
            tuple(f"{rules}/StepFunctionsGetEventsForSageMaker{kind}JobsRule" for kind in kinds),
        ),
    )  # fmt: skip


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
