"""The role of SageMaker's jobs and endpoints."""

from __future__ import annotations

from dataclasses import dataclass

from constructs import Construct

from contracts.lake.locations import CHANNELS, EVALUATIONS, NIGHTLY, TRAINING_OUTPUT
from contracts.models.container_images import CONTENTS
from contracts.names import Names
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement, use_of_data_key


@dataclass(frozen=True)
class ModelRoleInputs:
    """Whose models they are."""

    names: Names


class ModelRole(Construct):
    """Read the channels, write models, load them again; nothing else of the lake."""

    def __init__(self, scope: Construct, id_: str, inputs: ModelRoleInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        models = f"arn:aws:s3:::{names.bucket('models')}"
        logs = f"arn:aws:logs:{names.region}:{names.account_id}:log-group:/aws/sagemaker"
        ServiceRole(
            self,
            "role",
            RoleInputs(
                name=names.part("sagemaker"),
                service="sagemaker.amazonaws.com",
                description="SageMaker trains, judges and serves models",
                statements=(
                    Statement("SeeBucket", ("s3:GetBucketLocation", "s3:ListBucket"), (models,)),
                    Statement("ReadChannels", ("s3:GetObject",), (f"{models}/{CHANNELS.prefix}*",)),
                    Statement(
                        "ReadAndWriteModels",
                        ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"),
                        (
                            f"{models}/{TRAINING_OUTPUT.prefix}*",
                            f"{models}/{EVALUATIONS.prefix}*",
                            f"{models}/{NIGHTLY.prefix}*",
                        ),
                    ),
                    Statement(
                        "LogIn",
                        ("ecr:GetAuthorizationToken",),
                        ("*",),  # a token is for all of the registry; the action has no resource
                    ),
                    Statement(
                        "PullImages",
                        ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage",
                         "ecr:GetDownloadUrlForLayer"),
                        (
                            # the algorithm's image lies in an account of AWS, one for each region
                            f"arn:aws:ecr:{names.region}:*:repository/forecasting-deepar",
                            *(
                                f"arn:aws:ecr:{names.region}:{names.account_id}:repository/"
                                f"{names.part(container)}"
                                for container in CONTENTS
                            ),
                        ),
                    ),
                    Statement(
                        "WriteLogs",
                        ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams",
                         "logs:PutLogEvents"),
                        (
                            f"{logs}/ProcessingJobs*",
                            f"{logs}/TrainingJobs*",
                            f"{logs}/TransformJobs*",
                            f"{logs}/Endpoints/{names.part('')}*",
                        ),
                    ),
                    Statement(
                        "PublishMetrics",
                        ("cloudwatch:PutMetricData",),
                        ("*",),  # metrics have no ARN; the condition leaves SageMaker's own
                        conditions={
                            "StringLike": {"cloudwatch:namespace": "*aws/sagemaker/*"}
                        },
                    ),
                    use_of_data_key(names),
                ),
            ),
        )  # fmt: skip
