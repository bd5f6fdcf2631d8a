"""SageMaker's managed MLflow, where `forecasting` records training and tuning jobs."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.sagemaker_mlflow_tracking_server import SagemakerMlflowTrackingServer
from constructs import Construct

from contracts.lake.locations import EXPERIMENTS
from contracts.names import Names
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement, use_of_data_key


@dataclass(frozen=True)
class TrackingServerInputs:
    """Names of the environment."""

    names: Names


class TrackingServer(Construct):
    """The smallest server, with MLflow's newest version; it is billed per hour while it exists.

    Clients need actions of ``sagemaker-mlflow`` on it to write or read experiments:
    https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-create-tracking-server-iam.html
    """

    def __init__(self, scope: Construct, id_: str, inputs: TrackingServerInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        role = ServiceRole(
            self,
            "role",
            RoleInputs(
                name=names.tracking_server,
                service="sagemaker.amazonaws.com",
                description="MLflow keeps the artefacts of experiments",
                statements=(
                    Statement(
                        "ListArtefacts",
                        ("s3:ListBucket",),
                        (names.bucket_arn(EXPERIMENTS.purpose),),
                        conditions={"StringLike": {"s3:prefix": f"{EXPERIMENTS.prefix}*"}},
                    ),
                    Statement(
                        "ReadAndWriteArtefacts",
                        ("s3:GetObject", "s3:PutObject"),
                        (names.bucket_arn(EXPERIMENTS.purpose, f"{EXPERIMENTS.prefix}*"),),
                    ),
                    use_of_data_key(names),
                ),
                trust_conditions={"StringEquals": {"aws:SourceAccount": names.account_id}},
            ),
        )
        SagemakerMlflowTrackingServer(
            self,
            "this",
            tracking_server_name=names.tracking_server,
            tracking_server_size="Small",
            artifact_store_uri=EXPERIMENTS.uri(names),
            role_arn=role.arn,
            automatic_model_registration=False,  # retraining registers versions, after its gate
            depends_on=[role.policy],  # the server writes to the bucket during its creation
        )
