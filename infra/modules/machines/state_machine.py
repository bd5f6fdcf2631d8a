"""A Step Functions state machine with its role, log and tracing."""

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
    """Name, definition and tracing of a state machine.

    Parameters
    ----------
    name
        Name of the machine and of its role. The log group,
        `contracts.names.Names.machine_log_group`, belongs to the data stack.
    machine
        Definition and permissions; writing the log and the trace is added.
    tracing
        Whether X-Ray traces its executions.
    """

    names: Names
    name: str
    description: str
    machine: Machine
    tracing: bool = True


class StateMachine(Construct):
    """A standard machine: it runs each step exactly once and keeps its history for 90 days."""

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
            definition=json.dumps(inputs.machine.definition, allow_nan=False),
            logging_configuration=SfnStateMachineLoggingConfiguration(
                level="ALL",
                include_execution_data=True,  # names, figures and reasons, but no readings
                log_destination=log,
            ),
            tracing_configuration=SfnStateMachineTracingConfiguration(enabled=inputs.tracing),
            depends_on=[role.policy],  # AWS validates access to the log at creation
        )


_LOG = Statement(
    "DeliverLog",
    ("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups",
     "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
     "logs:PutResourcePolicy", "logs:UpdateLogDelivery"),
    ("*",),  # log deliveries have no ARN
)  # fmt: skip
_TRACE = Statement(
    "Trace",
    ("xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords",
     "xray:PutTraceSegments"),
    ("*",),  # X-Ray's write actions do not support resources
)  # fmt: skip
