"""State machine ``rollout``, the only owner of the endpoint, in Amazon States Language.

It compares what the endpoint serves with the release that is wanted, does one thing about a
difference, and looks again. It goes by what it sees and not by the event that started it, so events
may come twice, late or in any order. Several executions do not fight: one that is refused because
another was faster waits and looks again.

What one state finds, later ones read as variables:
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
"""Refusals by AWS in an execution that are taken for passing ones."""
_HOURS = 2
"""Time after which an endpoint that is still busy is reported; SageMaker gives up earlier."""
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
        Tags of the models, configurations and endpoint that it makes.
    """

    names: Names
    endpoint: Endpoint
    tags: Mapping[str, str]


def definition(inputs: RolloutInputs) -> Machine:
    """The machine, whose input is the event that started it, or ``{}``."""
    names, settings = inputs.names, inputs.endpoint
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
        _DECIDE: _decision(names, settings.poll_seconds),
        **_live_rejection(names),
        **actions.models(names, owner, then="Find configuration"),
        **actions.endpoint(names, owner, wait="Wait"),
        "Wait": wait(
            expression(f"{settings.poll_seconds} * $power(2, $refusals)"),
            observation.LOOK,
            turns=expression("$turns + 1"),
        ),
        # Refusals because another execution or a person was faster show in the next look.
        REFUSED: choice(
            _failure("'The step ' & $step & ' was refused: ' & $cause"),
            (f"$refusals < {_REFUSALS}", way("Wait", refusals=expression("$refusals + 1"))),
        ),
        **_end(names),
    }
    return machine(
        "Has the endpoint serve a release, or else the newest approved version", "Start", states
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


def _decision(names: Names, poll_seconds: int) -> State:
    turns = _HOURS * 3600 // poll_seconds
    weights = observation.weights("$wanted.variants")
    configured = "$status = 'InService' and $serves = $wanted.configuration"
    settled = f"{configured} and $weights = {weights}"
    nothing = "$wanted.configuration = ''"
    return choice(
        _failure("'No rollout from here: ' & $reason"),
        (
            f"$turns > {turns}",
            _failure(f"'The endpoint was busy for {_HOURS} hours'"),
        ),
        (f"$status in {json.dumps(_BUSY)}", "Wait"),
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
        ("$status = 'Missing' and $rejected > 0", "Done"),  # a rejection makes no endpoint
        (configured, "Set weights"),
        ("$status in ['Missing', 'InService']", actions.FIRST),
    )


def _live_rejection(names: Names) -> dict[str, State]:
    """States for a rejection that leaves no approved version: is the rejected one in service?"""
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
    """The way to a message that says why, by JSONata, and how the endpoint is."""
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
