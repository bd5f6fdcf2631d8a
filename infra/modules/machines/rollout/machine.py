"""The state machine that deploys releases to the endpoint, and the rule that starts it.

Commands that write a release start it, and so does every change of approval: approving a version
deploys it, and rejecting the live one rolls it back. See docs/runbooks/models.md.
"""

from __future__ import annotations

from constructs import Construct

from infra.modules.machines.machine_rule import MachineRule, MachineRuleInputs
from infra.modules.machines.rollout.definition import RolloutInputs, definition
from infra.modules.machines.state_machine import StateMachine, StateMachineInputs


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
                description="Deploys the requested release to the endpoint",
                machine=definition(inputs),
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
                        # a change of a version's metadata alone deploys nothing
                        "UpdatedModelPackageFields": [
                            {"anything-but": ["CustomerMetadataProperties", "ModelLifeCycle"]},
                            {"exists": False},
                        ],
                    },
                },
            ),
        )
