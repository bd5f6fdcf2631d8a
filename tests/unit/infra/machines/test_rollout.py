"""What the state machine ``rollout`` does in each situation; its conditions, evaluated."""

from __future__ import annotations

from typing import Any

import jsonata
import pytest

from contracts.models import naming, releases
from contracts.names import Names
from contracts.settings.schema import Endpoint
from infra.modules.machines.rollout.definition import RolloutInputs, definition

NAMES = Names("prod", "123456789012", "eu-west-1")
ENDPOINT = Endpoint(instance_type="ml.m5.large", initial_instance_count=2, poll_seconds=15)
STATES = definition(RolloutInputs(NAMES, ENDPOINT, {"project": "lakecast"}))["States"]
RELEASE = releases.configuration_name(NAMES, 12, "ml.m5.large", 2)
BEFORE = releases.configuration_name(NAMES, 11, "ml.m5.large", 2)
CALM = {
    "status": "InService",
    "serves": BEFORE,
    "version": 12,
    "tried": "",
    "live": False,
    "rejected": 0,
    "turns": 0,
    "refusals": 0,
    "reason": "no reason was given",
}


def value(expression: str, variables: dict[str, Any]) -> Any:
    text = expression.removeprefix("{%").removesuffix("%}").strip()
    return jsonata.Jsonata.jsonata(text).evaluate(None, dict(variables))


def following(state: str, **changes: Any) -> tuple[str, str]:
    """The next state, and the message where a person is told."""
    variables = {**CALM, **changes}
    chosen = STATES[state]
    rules = (one for one in chosen["Choices"] if value(one["Condition"], variables))
    rule = next(rules, {"Next": chosen["Default"], "Assign": chosen.get("Assign", {})})
    message = rule.get("Assign", {}).get("message", "")
    return rule["Next"], value(message, variables) if message else ""


def test_every_state_is_there_and_can_be_reached() -> None:
    def transitions(state: dict[str, Any]) -> set[str]:
        rules = [state, *state.get("Choices", []), *state.get("Catch", [])]
        return {one[key] for one in rules for key in ("Next", "Default") if key in one}

    reached, found = set(), {"Begin"}
    while found:
        reached |= found
        found = {name for one in found for name in transitions(STATES[one])} - reached
    assert reached == set(STATES)


def test_no_call_of_sagemaker_fails_unseen() -> None:
    calls = {name: one for name, one in STATES.items() if "sagemaker" in one.get("Resource", "")}
    assert len(calls) == 8
    for name, state in calls.items():
        assert [one["Next"] for one in state["Catch"]] == ["Refused"], name


def test_a_release_bears_the_names_that_clients_derive() -> None:
    update, model = STATES["Update"]["Arguments"], STATES["Model"]["Arguments"]
    assert value(update["EndpointConfigName"], CALM) == RELEASE
    assert value(model["ModelName"], CALM) == naming.model(NAMES, 12)
    package = value(model["PrimaryContainer"]["ModelPackageName"], CALM)
    assert package.endswith(":123456789012:model-package/lakecast-prod-forecast/12")


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        ({}, "Model"),
        ({"serves": RELEASE}, "Done"),
        ({"serves": f"{NAMES.endpoint}-0123456789abcdef"}, "Model"),
        ({"serves": RELEASE, "status": "Updating"}, "Wait"),
        ({"status": "Missing", "serves": "nothing"}, "Model"),
        ({"status": "Failed", "serves": RELEASE}, "Remove"),
        ({"version": 0}, "Done"),
        ({"version": 0, "status": "Updating"}, "Wait"),
        ({"version": 0, "live": True, "status": "Failed"}, "Done"),
        ({"tried": BEFORE, "serves": RELEASE}, "Done"),
        ({"tried": RELEASE, "version": 13}, "Model"),  # somebody approved another meanwhile
    ],
)
def test_one_thing_is_done_about_a_difference(situation: dict[str, Any], expected: str) -> None:
    assert following("Decide", **situation) == (expected, "")


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        ({"tried": RELEASE, "reason": "no ping"}, "Version 12 did not come into service: no ping"),
        ({"tried": RELEASE, "status": "Failed"}, "Version 12 did not come into service"),
        ({"version": 0, "live": True, "rejected": 11}, "no other version is approved"),
        ({"status": "OutOfService"}, "No rollout from here"),
        ({"status": "Updating", "turns": 481}, "Nothing has come of 2 hours"),
    ],
)
def test_a_person_is_told_what_only_a_person_can_mend(
    situation: dict[str, Any], words: str
) -> None:
    state, message = following("Decide", **situation)
    assert state == "Tell"
    assert words in message
    assert f"{NAMES.endpoint} is {situation.get('status', 'InService')} with {BEFORE}" in message


@pytest.mark.parametrize(
    ("step", "trouble", "expected"),
    [
        ("describeEndpoint", 'Could not find endpoint "arn".', "Versions"),
        ("createModel", 'Cannot create already existing model "arn".', "Configuration"),
        ("createEndpointConfig", "Cannot create already existing endpoint con…", "New or not"),
        ("createEndpoint", 'Cannot create already existing endpoint "arn".', "Wait"),
        ("updateEndpoint", 'Cannot update in-progress endpoint "arn".', "Wait"),
        ("updateEndpoint", "Rate exceeded", "Wait"),
    ],
)
def test_a_refusal_that_passes_is_no_failure(step: str, trouble: str, expected: str) -> None:
    assert following("Refused", step=step, trouble=trouble) == (expected, "")


def test_a_refusal_that_does_not_pass_is_told() -> None:
    refusal = {"step": "createModel", "trouble": "Could not find model data at s3://models/x."}
    assert following("Refused", **refusal)[0] == "Wait"
    state, message = following("Refused", **refusal, refusals=3)
    assert state == "Tell"
    assert message == f"The step createModel was refused: {refusal['trouble']}"


def test_a_rejection_of_what_does_not_serve_makes_no_endpoint() -> None:
    missing = {"step": "describeEndpoint", "trouble": 'Could not find endpoint "arn".'}
    assert following("Refused", **missing, rejected=12)[0] == "Done"
    assert following("Whose rejection", rejected=12)[0] == "Variants"
    assert following("Was it live", rejected=12)[0] == "Done"
    assert following("Was it live", rejected=12, live=True)[0] == "Versions"
