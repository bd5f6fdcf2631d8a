"""Reports executions that did not succeed.

An execution that was stopped or timed out can't report itself. One that failed does, with the
cause, unless it failed at once or its own report was refused; so it is reported here as well.
"""

from __future__ import annotations

import json

from cdktf_cdktf_provider_aws.cloudwatch_event_rule import CloudwatchEventRule
from cdktf_cdktf_provider_aws.cloudwatch_event_target import (
    CloudwatchEventTarget,
    CloudwatchEventTargetInputTransformer,
)
from constructs import Construct

from contracts.names import Names
from infra.modules.machines.event_queue import RETRIES, dead_letters

_MESSAGE = (
    "Execution <execution> of <machine> ended as <status>; its history shows the last step. "
    "The next execution takes over its lock. What to do: docs/runbooks/models.md."
)


class StoppedExecutions(Construct):
    """An EventBridge rule from the estate's state machines to the alarm topic."""

    def __init__(self, scope: Construct, id_: str, names: Names) -> None:
        super().__init__(scope, id_)
        rule = CloudwatchEventRule(
            self,
            "rule",
            name=names.part("stopped-executions"),
            description="An execution of a state machine failed, was stopped or timed out",
            event_pattern=json.dumps(
                {
                    "source": ["aws.states"],
                    "detail-type": ["Step Functions Execution Status Change"],
                    "detail": {
                        "status": ["ABORTED", "FAILED", "TIMED_OUT"],
                        "stateMachineArn": [names.state_machine_arn(one) for one in names.machines],
                    },
                },
                allow_nan=False,
            ),
        )
        CloudwatchEventTarget(
            self,
            "target",
            rule=rule.name,
            arn=names.alarm_topic_arn,
            retry_policy=RETRIES,
            dead_letter_config=dead_letters(names),
            input_transformer=CloudwatchEventTargetInputTransformer(
                input_paths={
                    "execution": "$.detail.executionArn",
                    "machine": "$.detail.stateMachineArn",
                    "status": "$.detail.status",
                },
                input_template=json.dumps(_MESSAGE, allow_nan=False),
            ),
        )
