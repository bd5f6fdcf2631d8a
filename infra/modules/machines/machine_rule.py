"""An EventBridge rule that starts a state machine, by a schedule or an event pattern."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cdktf_cdktf_provider_aws.cloudwatch_event_rule import CloudwatchEventRule
from cdktf_cdktf_provider_aws.cloudwatch_event_target import (
    CloudwatchEventTarget,
    CloudwatchEventTargetInputTransformer,
)
from constructs import Construct

from contracts.names import Names
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement
from infra.modules.machines.event_queue import RETRIES, dead_letters


@dataclass(frozen=True)
class MachineRuleInputs:
    """Trigger, target and input of a rule.

    Parameters
    ----------
    name
        Name of the rule; its role's name adds ``-start``.
    machine
        Name of the state machine.
    schedule, pattern
        The trigger; exactly one of the two.
    given
        The execution's input; None for the event itself. ``<word>`` in it is replaced by the
        event's value at the path of that word in `paths`.
    paths
        JSON paths into the event, by word.
    """

    names: Names
    name: str
    description: str
    machine: str
    schedule: str | None = None
    pattern: Mapping[str, Any] | None = None
    given: Mapping[str, Any] | None = None
    paths: Mapping[str, str] = field(default_factory=dict)


class MachineRule(Construct):
    """The rule, and a role that may start this machine only."""

    def __init__(self, scope: Construct, id_: str, inputs: MachineRuleInputs) -> None:
        super().__init__(scope, id_)
        names, machine = inputs.names, inputs.names.state_machine_arn(inputs.machine)
        role = ServiceRole(
            self,
            "role",
            RoleInputs(
                name=f"{inputs.name}-start",
                service="events.amazonaws.com",
                description=f"EventBridge starts {inputs.machine}",
                statements=(Statement("StartExecution", ("states:StartExecution",), (machine,)),),
                trust_conditions={
                    "StringEquals": {"aws:SourceAccount": names.account_id},
                    "ArnLike": {"aws:SourceArn": names.arn("events", f"rule/{inputs.name}")},
                },
            ),
        )
        rule = CloudwatchEventRule(
            self,
            "this",
            name=inputs.name,
            description=inputs.description,
            schedule_expression=inputs.schedule,
            event_pattern=json.dumps(inputs.pattern, allow_nan=False)
            if inputs.pattern is not None
            else None,
        )
        given = json.dumps(inputs.given, allow_nan=False) if inputs.given is not None else None
        CloudwatchEventTarget(
            self,
            "target",
            rule=rule.name,
            arn=machine,
            role_arn=role.arn,
            retry_policy=RETRIES,
            dead_letter_config=dead_letters(names),
            input=None if inputs.paths else given,
            input_transformer=CloudwatchEventTargetInputTransformer(
                input_paths=dict(inputs.paths), input_template=given or "{}"
            )
            if inputs.paths
            else None,
        )
