"""The state machine that retrains the model, and its schedule; drift_alarms.py starts it, too."""

from __future__ import annotations

from cdktf_cdktf_provider_aws.data_aws_sagemaker_prebuilt_ecr_image import (
    DataAwsSagemakerPrebuiltEcrImage,
)
from constructs import Construct

from contracts.models.container_images import image_uri
from contracts.names import Names
from infra.modules.core.policy import Statement, use_of_data_key
from infra.modules.machines.glue_tasks import job_runs_statement
from infra.modules.machines.lock_tasks import lock_statement
from infra.modules.machines.machine_rule import MachineRule, MachineRuleInputs
from infra.modules.machines.retrain.definition import definition
from infra.modules.machines.retrain.jobs import RetrainInputs
from infra.modules.machines.sagemaker_tasks import job_statements
from infra.modules.machines.state_machine import StateMachine, StateMachineInputs
from infra.settings import Settings


class Retrain(Construct):
    """Retraining, by a schedule, by hand, and by whoever else may start the machine."""

    def __init__(self, scope: Construct, id_: str, names: Names, settings: Settings) -> None:
        super().__init__(scope, id_)
        # an algorithm of SageMaker's own lies in an account of AWS, another one in each region
        deepar = DataAwsSagemakerPrebuiltEcrImage(
            self, "deepar_image", repository_name="forecasting-deepar", region=names.region
        )
        inputs = RetrainInputs(
            names=names,
            training=settings.training,
            retraining=settings.retraining,
            images={"boosting": image_uri(names, "boosting"), "deepar": deepar.registry_path},
            tags=settings.tags.of(names.environment),
            instance_type=settings.endpoint.instance_type,
        )
        StateMachine(
            self,
            "machine",
            StateMachineInputs(
                names=names,
                name=names.retrain_machine,
                description="Makes a new version of the model of what is in the lake",
                definition=definition(inputs),
                statements=_rights(names),
            ),
        )
        if settings.retraining.schedule is not None:
            MachineRule(
                self,
                "schedule",
                MachineRuleInputs(
                    names=names,
                    name=f"{names.retrain_machine}-schedule",
                    description="Retrains regularly",
                    machine=names.retrain_machine,
                    schedule=settings.retraining.schedule,
                    given={"reason": "schedule"},
                ),
            )


def _rights(names: Names) -> tuple[Statement, ...]:
    """Exactly the calls of `definition`, and what Step Functions needs to wait for jobs."""
    place = f"{names.region}:{names.account_id}"
    sagemaker, glue = f"arn:aws:sagemaker:{place}", f"arn:aws:glue:{place}"
    kinds = ("Processing", "Training", "Transform")
    model = f"{sagemaker}:model/{names.retrain_machine}-*"
    versions = (
        f"{sagemaker}:model-package-group/{names.model_package_group}",
        f"{sagemaker}:model-package/{names.model_package_group}/*",
    )
    return (
        lock_statement(names, names.retrain_machine),
        Statement("SeeWhoHoldsTheLock", ("states:DescribeExecution",),
                  (f"arn:aws:states:{place}:execution:{names.retrain_machine}:*",)),
        Statement("Crawl", ("glue:GetCrawler", "glue:StartCrawler"),
                  (f"{glue}:crawler/{names.crawler}",)),
        job_runs_statement(names),
        *job_statements(names, "retrain", kinds),
        Statement("MakeModels",
                  ("sagemaker:AddTags", "sagemaker:CreateModel", "sagemaker:DeleteModel"),
                  (model,)),
        Statement("FindWhatIsDone",
                  ("sagemaker:ListModelPackages",
                   *(f"sagemaker:List{kind}Jobs" for kind in kinds)),
                  ("*",)),  # lists have no resource
        Statement("Register",
                  ("sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage",
                   "sagemaker:UpdateModelPackage"), versions),
        Statement("PassRole", ("iam:PassRole",), (names.role_arn("sagemaker"),),
                  conditions={"StringEquals": {
                      "iam:PassedToService": "sagemaker.amazonaws.com"}}),
        Statement("Tell", ("sns:Publish",), (names.alarm_topic_arn,)),
        use_of_data_key(names),
    )  # fmt: skip
