"""What deploys the version of the model that was approved last.

Whoever approves a version deploys it, and whoever rejects the live one rolls it back: a change of
approval starts the state machine. See docs/runbooks/models.md.
"""

from __future__ import annotations

from constructs import Construct

from contracts.names import Names
from infra.modules.core.policy import Statement, use_of_data_key
from infra.modules.machines.machine_rule import MachineRule, MachineRuleInputs
from infra.modules.machines.rollout.definition import RolloutInputs, definition
from infra.modules.machines.state_machine import StateMachine, StateMachineInputs
from infra.modules.machines.states_language import Machine


class Rollout(Construct):
    """The state machine, and the rule that starts it."""

    def __init__(self, scope: Construct, id_: str, inputs: RolloutInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        StateMachine(
            self,
            "machine",
            StateMachineInputs(
                names=names,
                name=names.rollout_machine,
                description="Deploys the newest approved version of the model",
                machine=Machine(definition(inputs), _statements(names)),
            ),
        )
        MachineRule(
            self,
            "approval",
            MachineRuleInputs(
                names=names,
                name=names.rollout_machine,
                description="A version of the model was approved or rejected",
                machine=names.rollout_machine,
                pattern={
                    "source": ["aws.sagemaker"],
                    "detail-type": ["SageMaker Model Package State Change"],
                    "detail": {
                        "ModelPackageGroupName": [names.model_package_group],
                        "ModelApprovalStatus": ["Approved", "Rejected"],
                        # what is only said of a version deploys nothing
                        "UpdatedModelPackageFields": [
                            {"anything-but": ["CustomerMetadataProperties", "ModelLifeCycle"]},
                            {"exists": False},
                        ],
                    },
                },
            ),
        )


def _statements(names: Names) -> tuple[Statement, ...]:
    sagemaker = f"arn:aws:sagemaker:{names.region}:{names.account_id}"
    models = f"{sagemaker}:model/{names.model_package_group}-*"
    configurations = f"{sagemaker}:endpoint-config/{names.endpoint}-*"
    endpoint = f"{sagemaker}:endpoint/{names.endpoint}"
    versions = f"{sagemaker}:model-package/{names.model_package_group}/*"
    return (
        Statement("SeeVersions", ("sagemaker:ListModelPackages",), (versions,)),
        Statement("MakeModel", ("sagemaker:CreateModel",), (models, versions)),
        Statement(
            "MakeConfiguration",
            ("sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig"),
            (configurations,),
        ),
        Statement(
            "Deploy",
            ("sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"),
            (endpoint, configurations),
        ),
        Statement(
            "SeeAndRemoveEndpoint",
            ("sagemaker:DeleteEndpoint", "sagemaker:DescribeEndpoint"),
            (endpoint,),
        ),
        Statement("Tag", ("sagemaker:AddTags",), (models, configurations, endpoint)),
        Statement(
            "GiveModelItsRole",
            ("iam:PassRole",),
            (names.role_arn("sagemaker"),),
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
        Statement("TellOfFailure", ("sns:Publish",), (names.alarm_topic_arn,)),
        use_of_data_key(names),  # the topic is encrypted with it
    )
