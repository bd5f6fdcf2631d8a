"""Transform jobs: batch inference on every line of files in S3.

A request to the container has one line, because the built-in DeepAR fails with several:
https://docs.aws.amazon.com/sagemaker/latest/dg/deepar-in-formats.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.models.requests.parts import Arguments, Owner

_LINES = "application/jsonlines"


@dataclass(frozen=True)
class TransformJob:
    """A transform job: each input file yields a file of the same name with ``.out`` appended.

    Parameters
    ----------
    environment
        Environment variables of the model's container, such as the requested outputs.
    """

    name: str
    model: str
    source: str
    target: str
    environment: Mapping[str, str]


def transform_job(job: TransformJob, owner: Owner, instance_type: str) -> Arguments:
    """Arguments of ``CreateTransformJob``; the role is the model's."""
    return {
        "TransformJobName": job.name,
        "ModelName": job.model,
        "BatchStrategy": "SingleRecord",
        "MaxPayloadInMB": 1,  # a line holds one series
        "Environment": dict(job.environment),
        "TransformInput": {
            "ContentType": _LINES,
            "SplitType": "Line",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": job.source}},
        },
        "TransformOutput": {
            "S3OutputPath": job.target,
            "Accept": _LINES,
            "AssembleWith": "Line",
            "KmsKeyId": owner.key,
        },
        "TransformResources": {"InstanceType": instance_type, "InstanceCount": 1},
        "Tags": owner.tag_list,
    }
