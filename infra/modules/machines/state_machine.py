"""A Step Functions state machine with a role of its own, a log and a trace."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.sfn_state_machine import (
    SfnStateMachine,
    SfnStateMachineLoggingConfiguration,
    SfnStateMachineTracingConfiguration,
)
from constructs import Construct

from contracts.names import Names
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement
from infra.modules.machines.states_language import Machine


@dataclass(frozen=True)
class StateMachineInputs:
    """What a machine is called, does and may do.

    Parameters
    ----------
    name
        Of the machine; its role is called the same. Its log group,
        `contracts.names.Names.machine_log_group`, is the data stack's.
    machine
        Definition, and all that the role may do beside writing its log and its trace.
    tracing
        Whether X-Ray traces its executions.
    """

    names: Names
    name: str
    description: str
    machine: Machine
    tracing: bool = True


class StateMachine(Construct):
    """A standard machine: what it does is done once and can be looked up for 90 days."""

    def __init__(self, scope: Construct, id_: str, inputs: StateMachineInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        role = ServiceRole(
            self,
            "role",
            RoleInputs(
                name=inputs.name,
                service="states.amazonaws.com",
                description=inputs.description,
                statements=(
                    *inputs.machine.statements,
                    _LOG,
                    *((_TRACE,) if inputs.tracing else ()),
                ),
                trust_conditions={
                    "StringEquals": {"aws:SourceAccount": names.account_id},
                    "ArnLike": {"aws:SourceArn": names.state_machine_arn(inputs.name)},
                },
            ),
        )
        log = names.log_group_arn(f"{names.machine_log_group(inputs.name)}:*")
        self.machine = SfnStateMachine(
            self,
            "this",
            name=inputs.name,
            type="STANDARD",
            role_arn=role.arn,
            definition=json.dumps(inputs.machine.definition),
            logging_configuration=SfnStateMachineLoggingConfiguration(
                level="ALL",
                include_execution_data=True,  # names, figures and reasons: no reading is passed on
                log_destination=log,
            ),
            tracing_configuration=SfnStateMachineTracingConfiguration(enabled=inputs.tracing),
            depends_on=[role.policy],  # AWS tries to write the log when the machine is made
        )


_LOG = Statement(
    "DeliverLog",
    ("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups",
     "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
     "logs:PutResourcePolicy", "logs:UpdateLogDelivery"),
    ("*",),  # log deliveries have no ARN that a policy could name
)  # fmt: skip
_TRACE = Statement(
    "Trace",
    ("xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords",
     "xray:PutTraceSegments"),
    ("*",),  # X-Ray's write actions have no resources
)  # fmt: skip
