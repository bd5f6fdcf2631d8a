"""The role of SageMaker's jobs and endpoints."""

from __future__ import annotations

from dataclasses import dataclass

from constructs import Construct

from contracts.lake.locations import CHANNELS, EVALUATIONS, NIGHTLY, SMOKE_MODELS, TRAINING_OUTPUT
from contracts.models.container_images import repository_arns
from contracts.names import MODEL_ROLE, Names
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement, use_of_output_key


@dataclass(frozen=True)
class ModelRoleInputs:
    """Names of the environment."""

    names: Names


class ModelRole(Construct):
    """A role that may read the channels and read and write models, and nothing else of the lake."""

    def __init__(self, scope: Construct, id_: str, inputs: ModelRoleInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        places = (TRAINING_OUTPUT, EVALUATIONS, NIGHTLY, SMOKE_MODELS)
        groups = (
            "ProcessingJobs*",
            "TrainingJobs*",
            "TransformJobs*",
            f"Endpoints/{names.prefix}*",
        )
        ServiceRole(
            self,
            "role",
            RoleInputs(
                name=names.role(MODEL_ROLE),
                service="sagemaker.amazonaws.com",
                description="SageMaker trains, evaluates and serves models",
                statements=(
                    Statement("ListBucket", ("s3:GetBucketLocation", "s3:ListBucket"),
                              (names.bucket_arn("models"),)),
                    Statement("ReadChannels", ("s3:GetObject",),
                              (names.bucket_arn("models", f"{CHANNELS.prefix}*"),)),
                    Statement(
                        "ReadAndWriteModels",
                        ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"),
                        tuple(names.bucket_arn("models", f"{one.prefix}*") for one in places),
                    ),
                    Statement(
                        "EcrLogin",
                        ("ecr:GetAuthorizationToken",),
                        ("*",),  # a token is for the whole registry; the action has no resource
                    ),
                    Statement(
                        "PullImages",
                        ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage",
                         "ecr:GetDownloadUrlForLayer"),
                        repository_arns(names),
                    ),
                    Statement(
                        "WriteLogs",
                        ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams",
                         "logs:PutLogEvents"),
                        tuple(names.log_group_arn(f"/aws/sagemaker/{one}") for one in groups),
                    ),
                    Statement(
                        "PublishMetrics",
                        ("cloudwatch:PutMetricData",),
                        ("*",),  # metrics have no ARN; the condition permits SageMaker's namespaces
                        conditions={
                            "StringLike": {"cloudwatch:namespace": "*aws/sagemaker/*"}
                        },
                    ),
                    use_of_output_key(names),
                ),
            ),
        )  # fmt: skip
