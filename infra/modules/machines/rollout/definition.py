"""State machine ``rollout``, the only owner of the endpoint, in Amazon States Language.

It compares the endpoint with the requested release, takes one action on a difference, and compares
again. It acts on the observed state and not on the event that started it, so events may be
duplicated, late or out of order. Executions may run concurrently: if a call is rejected because
another execution was faster, the execution waits and compares again.

States pass their results on as variables:
https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.models import naming
from contracts.models.requests.parts import Owner
from contracts.names import Names
from contracts.settings.schema import Endpoint
from infra.modules.machines import endings
from infra.modules.machines.polling import Polling
from infra.modules.machines.rollout import actions, observation
from infra.modules.machines.rollout.steps import REFUSED, look
from infra.modules.machines.states_language import (
    EXECUTION,
    FAILURE,
    Machine,
    State,
    Way,
    assignment,
    choice,
    expression,
    machine,
    wait,
    way,
)
from infra.modules.machines.tasks import endpoints

_REFUSALS = 3
"""Rejected calls per execution that are treated as temporary."""
_HOURS = 2
"""Hours after which a busy endpoint is reported; SageMaker's own timeouts are shorter."""
_LONGEST_WAIT = 120
_BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_DECIDE = "Decide"
_LABEL = (
    "($count($wanted.variants) = 1 and $exists($wanted.variants[0].version)"
    " ? 'Version ' & $wanted.variants[0].version"
    " : 'The release of ' & $join([$wanted.variants.(name & ' (' & model & ')')], ', '))"
)


@dataclass(frozen=True)
class RolloutInputs:
    """Environment and settings of the endpoint.

    Parameters
    ----------
    tags
        Tags of the models, configurations and endpoint that the machine creates.
    """

    names: Names
    endpoint: Endpoint
    tags: Mapping[str, str]


def definition(inputs: RolloutInputs) -> Machine:
    """Returns the machine; its input is the event that started it, or ``{}``."""
    names, settings = inputs.names, inputs.endpoint
    polling = Polling("turns", settings.poll_seconds, _LONGEST_WAIT, _HOURS)
    owner = Owner.of(names, inputs.tags)
    states = {
        "Start": _start(),
        **observation.endpoint(names),
        **observation.wanted(
            names,
            settings.instance_type,
            settings.initial_instance_count,
            then=_DECIDE,
            unreadable=_failure(
                f"'The release in the table {names.releases_table} is not carried out: ' & $fault "
                "& '. Write it again with make deploy, or remove it by approving a version'"
            ),
        ),
        _DECIDE: _decision(names, polling),
        **_live_rejection(names),
        **actions.models(names, owner, then="Find configuration"),
        **actions.endpoint(names, owner, wait="Wait"),
        "Wait": wait(
            expression(f"{polling.seconds} * $power(2, $refusals)"),
            observation.LOOK,
            **polling.count,
        ),
        # If another execution or a person was faster, the next comparison shows it.
        REFUSED: choice(
            _failure("'The step ' & $step & ' was refused: ' & $cause"),
            (f"$refusals < {_REFUSALS}", way("Wait", refusals=expression("$refusals + 1"))),
        ),
        **_end(names),
    }
    return machine(
        "Deploys the requested release, or else the newest approved version", "Start", states
    )


def _start() -> State:
    detail = f"{EXECUTION}.Input.detail"
    rejected = f"{detail}.ModelApprovalStatus = 'Rejected' ? {detail}.ModelPackageVersion : 0"
    return assignment(
        observation.LOOK,
        {
            "rejected": expression(rejected),
            "status": "unknown",
            "serves": "nothing known",
            "tried": "",
            "turns": 0,
            "refusals": 0,
            "ending": "",
            "note": "",
        },
    )


def _decision(names: Names, polling: Polling) -> State:
    weights = observation.weights("$wanted.variants")
    configured = "$status = 'InService' and $serves = $wanted.configuration"
    settled = f"{configured} and $weights = {weights}"
    nothing = "$wanted.configuration = ''"
    return choice(
        _failure("'No rollout from here: ' & $reason"),
        (
            polling.is_over,
            _failure(f"'The endpoint was busy for {_HOURS} hours'"),
        ),
        (f"$status in {json.dumps(_BUSY, allow_nan=False)}", "Wait"),
        (f"$note != '' and ({nothing} or {settled})", _failure("$note")),
        (f"{nothing} and $rejected > 0 and $status = 'InService'", "Describe configuration"),
        (nothing, "Done"),
        (settled, "Done"),
        (
            f"$tried = $wanted.configuration and $not({configured})",
            _failure(
                f"{_LABEL} & ' did not come into service: ' & $reason & "
                f"' (log: /aws/sagemaker/Endpoints/{names.endpoint})'"
            ),
        ),
        (
            f"$tried = 'weights' and {configured}",
            _failure(f"'Expected the weights ' & {weights} & '; got ' & $weights"),
        ),
        ("$status = 'Failed'", "Delete endpoint"),  # it never served, and can't be updated
        ("$status = 'Missing' and $rejected > 0", "Done"),  # a rejection creates no endpoint
        (configured, "Set weights"),
        ("$status in ['Missing', 'InService']", actions.FIRST),
    )


def _live_rejection(names: Names) -> dict[str, State]:
    """Returns the states that check, with no approved version left, if a rejected one serves."""
    model = naming.model_in_jsonata(names, "$rejected")
    return {
        "Describe configuration": look(
            "Describe configuration",
            endpoints.describe_configuration(names, "$serves"),
            then="Is the rejected version live",
            live=f"({model}) in $states.result.ProductionVariants.ModelName",
        ),
        "Is the rejected version live": choice(
            "Done",
            (
                "$live",
                _failure(
                    "'Version ' & $rejected & ' was rejected while it was served, and no other "
                    "version is approved to go back to'"
                ),
            ),
        ),
    }


def _failure(cause: str) -> Way:
    """Returns the transition to a message with the cause, by JSONata, and the endpoint's status."""
    return way(FAILURE, step="rollout", log="", error="RolloutFailed", cause=expression(cause))


def _end(names: Names) -> dict[str, State]:
    advice = (
        f" What is approved and what is live: make models ENV={names.environment}. "
        "What to do: docs/runbooks/models.md. Execution: "
    )
    cause = f"$why & '. {names.endpoint} is ' & $status & ' with ' & $serves & '.'"
    output = {"endpoint": names.endpoint, "configuration": expression("$serves")}
    return {
        **endings.failure(
            names,
            subject=f"'Rollout of {names.endpoint} failed'",
            message=[f"{cause} & '{advice}' & {EXECUTION}.Id"],
            error="RolloutFailed",
            cause=cause,
        ),
        "Done": assignment(None, output=output),
    }
