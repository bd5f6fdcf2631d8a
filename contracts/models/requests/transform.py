"""Transform jobs: a model's answers to every line of files in S3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.models.requests.parts import Arguments, Owner

_LINES = "application/jsonlines"


@dataclass(frozen=True)
class TransformJob:
    """Lines below an S3 URI, answered by a model in files of the same names with ``.out``.

    Parameters
    ----------
    environment
        Variables of the model's container, such as the configuration of its answers.
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
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": 1,  # so that no request holds more lines than are answered at once
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
