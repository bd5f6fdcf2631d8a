"""The state machine ``rollout`` in each situation: its expressions, evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.models import naming, releases
from contracts.names import Names
from contracts.settings.schema import Endpoint
from infra.modules.machines.rollout.definition import RolloutInputs, definition
from tests.support.expressions import evaluate

NAMES = Names("prod", "123456789012", "eu-west-1")
ENDPOINT = Endpoint(instance_type="ml.m5.large", initial_instance_count=2, poll_seconds=15)
MACHINE = definition(RolloutInputs(NAMES, ENDPOINT, {"project": "lakecast"}))
STATES = MACHINE.definition["States"]
MODELS = STATES["Prepare models"]["ItemProcessor"]["States"]


def by_default(version: int) -> dict[str, Any]:
    """Returns the requested release of a version if none is pinned."""
    found: dict[str, Any] = evaluate(
        releases.of_version_in_jsonata(NAMES, "ml.m5.large", 2), version=version
    )
    return found


WANTED = by_default(12)
RELEASE = WANTED["configuration"]
BEFORE = by_default(11)["configuration"]
NOTHING = {"configuration": ""}
PINNED = {
    "configuration": f"{NAMES.endpoint}-v12-0123456789abcdef",
    "variants": [
        {"name": "champion", "model": naming.model(NAMES, 12), "weight": 9, "version": 12},
        {"name": "challenger", "model": "job-1", "weight": 1, "training_job": "job-1"},
    ],
    "instance_type": "ml.m5.large",
    "instance_count": 2,
    "newest_approved": 12,
    "written_at": "then",
}
CALM = {
    "status": "InService",
    "serves": BEFORE,
    "weights": "champion:1",
    "reason": "no reason was given",
    "version": 12,
    "pinned": False,
    "fault": "",
    "wanted": WANTED,
    "refused": [],
    "tried": "",
    "rejected": 0,
    "turns": 0,
    "refusals": 0,
    "ending": "",
    "note": "",
}
SETTLED = {"serves": RELEASE}


def following(state: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    """Returns the next state, and the variables that the transition sets."""
    variables = {**CALM, **changes}
    chosen = STATES[state]
    rules = (one for one in chosen["Choices"] if evaluate(one["Condition"], **variables))
    rule = next(rules, {"Next": chosen["Default"], "Assign": chosen.get("Assign", {})})
    assigned = rule.get("Assign", {})
    return rule["Next"], {name: value(text, **variables) for name, text in assigned.items()}


def value(text: Any, **variables: Any) -> Any:
    """Returns a literal value, or the value of an expression."""
    is_expression = isinstance(text, str) and text.startswith("{%")
    return evaluate(text, **variables) if is_expression else text


def decision(**changes: Any) -> tuple[str, str]:
    """Returns the next state, and the failure message if there is one."""
    state, assigned = following("Decide", **changes)
    return state, assigned.get("cause", "")


def seen(state: str, result: Any, **changes: Any) -> dict[str, Any]:
    """Returns the variables that a task sets from its result."""
    states = {"result": result, "input": changes.pop("given", {})}
    return {
        name: value(text, states=states, **{**CALM, **changes})
        for name, text in STATES[state]["Assign"].items()
    }


def item(**changes: Any) -> dict[str, Any]:
    """Returns `PINNED` in DynamoDB's format; None omits a member."""
    variants = [
        {"name": {"S": "champion"}, "model": {"S": naming.model(NAMES, 12)},
         "weight": {"N": "9"}, "version": {"N": "12"}},
        {"name": {"S": "challenger"}, "model": {"S": "job-1"},
         "weight": {"N": "1"}, "training_job": {"S": "job-1"}},
    ]  # fmt: skip
    members = {
        "workload": {"S": "forecast"},
        "format": {"N": "1"},
        "configuration": {"S": PINNED["configuration"]},
        "variants": {"L": [{"M": one} for one in variants]},
        "instance_type": {"S": "ml.m5.large"},
        "instance_count": {"N": "2"},
        "newest_approved": {"N": "12"},
        "written_at": {"S": "then"},
        **changes,
    }
    return {"Item": {name: value for name, value in members.items() if value is not None}}


@pytest.mark.parametrize(("start", "states"), [("Start", STATES), ("Find model", MODELS)])
def test_every_state_exists_and_is_reachable(start: str, states: dict[str, Any]) -> None:
    def transitions(state: dict[str, Any]) -> set[str]:
        rules = [state, *state.get("Choices", []), *state.get("Catch", [])]
        return {one[key] for one in rules for key in ("Next", "Default") if key in one}

    reached, found = set(), {start}
    while found:
        reached |= found
        found = {name for one in found for name in transitions(states[one])} - reached
    assert reached == set(states)


def test_every_failed_call_is_caught() -> None:
    calls = {
        name: one
        for name, one in STATES.items()
        if one["Type"] == "Map" or (one["Type"] == "Task" and name != "Publish failure")
    }
    assert len(calls) == 14
    for name, state in calls.items():
        assert [one["Next"] for one in state["Catch"]] == ["Are retries left"], name


def test_calls_that_change_something_are_not_retried_before_the_next_comparison() -> None:
    changing = ("create", "update", "delete")
    for name, state in {**STATES, **MODELS}.items():
        if state.get("Resource", "").rpartition(":")[2].startswith(changing):
            assert state["Retry"] == [], name


def test_a_missing_resource_is_an_empty_list_and_not_an_error() -> None:
    assert seen("Find endpoint", {"Endpoints": []})["status"] == "Missing"
    longer = {"EndpointName": f"{NAMES.endpoint}-2", "EndpointStatus": "InService"}
    assert seen("Find endpoint", {"Endpoints": [longer]})["status"] == "Missing"
    mine = {"EndpointName": NAMES.endpoint, "EndpointStatus": "Updating"}
    assert seen("Find endpoint", {"Endpoints": [mine, longer]})["status"] == "Updating"


def test_the_weights_of_the_endpoint_are_compared_regardless_of_order() -> None:
    variants = [
        {"VariantName": "b", "CurrentWeight": 0.10000000149},
        {"VariantName": "a", "CurrentWeight": 9.0},
    ]
    found = seen(
        "Describe endpoint",
        {"EndpointStatus": "InService", "EndpointConfigName": "c", "ProductionVariants": variants},
    )
    assert found["weights"] == "a:9, b:0.1"
    failed = seen("Describe endpoint", {"EndpointStatus": "Failed", "EndpointConfigName": "c"})
    assert failed["weights"] == ""


def test_a_release_is_read_from_its_item() -> None:
    found = seen("Read release", item())
    assert found == {"pinned": True, "fault": "", "wanted": PINNED}
    assert not seen("Read release", {})["pinned"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"format": {"N": "2"}}, "expected format 1"),
        ({"format": None}, "expected format 1"),
        ({"shadow": {"M": {}}}, "unknown members: shadow"),
        ({"configuration": None}, "members missing or of another type: configuration"),
        ({"newest_approved": {"S": "12"}}, "of another type: newest_approved"),
        ({"variants": {"S": "champion"}}, "of another type: variants"),
        ({"variants": {"L": []}}, "every variant needs"),
        ({"variants": {"L": [{"M": {"name": {"S": "a"}}}]}}, "every variant needs"),
        ({"variants": {"L": [{"S": "a"}]}}, "every variant needs"),
    ],
)
def test_an_invalid_release_is_reported_and_not_served(changes: dict[str, Any], fault: str) -> None:
    found = seen("Read release", item(**changes))
    assert fault in found["fault"]
    state, assigned = following("Is a release pinned", **found)
    assert state == "Explain failure"
    assert found["fault"] in assigned["cause"]
    assert "lakecast-prod-releases" in assigned["cause"]


def test_without_a_release_the_newest_approved_version_is_requested() -> None:
    decide = "Decide"
    assert following("Is a release pinned") == (decide, {"wanted": WANTED})
    assert following("Is a release pinned", version=0) == (decide, {"wanted": NOTHING})


def test_a_release_lasts_until_a_newer_version_is_approved_or_one_of_its_own_rejected() -> None:
    pinned = {"pinned": True, "wanted": PINNED}
    assert following("Is a release pinned", **pinned)[0] == "Does it pin versions"
    assert following("Is a release pinned", **pinned, version=11)[0] == "Does it pin versions"
    assert following("Is a release pinned", **pinned, version=13)[0] == "Remove release"
    assert following("Does it pin versions", **pinned)[0] == "Describe pinned versions"
    job = {**PINNED, "variants": PINNED["variants"][1:]}
    assert following("Does it pin versions", wanted=job)[0] == "Decide"
    state = "Is a pinned version rejected"
    assert following(state) == ("Decide", {})
    assert following(state, refused=[12], rejected=12) == ("Remove release", {"ending": ""})
    removed, assigned = following(state, refused=[12])
    assert removed == "Remove release"
    assert "pinned version 12, which is rejected" in assigned["ending"]


def test_the_versions_that_a_release_pins_are_described_at_once() -> None:
    (arns,) = STATES["Describe pinned versions"]["Arguments"].values()
    twice = {"variants": [*PINNED["variants"], {**PINNED["variants"][0], "name": "b"}]}
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/lakecast-prod-forecast/12"
    assert evaluate(arns, wanted=twice) == [arn]
    summaries = {
        arn: {"ModelApprovalStatus": "Rejected", "ModelPackageVersion": 12},
        "other": {"ModelApprovalStatus": "Approved", "ModelPackageVersion": 11},
    }
    assert seen("Describe pinned versions", {"ModelPackageSummaries": summaries}) == {
        "refused": [12]
    }
    assert seen("Describe pinned versions", {"ModelPackageSummaries": {}}) == {"refused": []}


def test_only_the_observed_release_is_removed() -> None:
    arguments = STATES["Remove release"]["Arguments"]
    assert arguments["ConditionExpression"] == "written_at = :seen"
    (value,) = arguments["ExpressionAttributeValues"][":seen"].values()
    assert evaluate(value, wanted=PINNED) == "then"


def test_a_release_has_the_names_that_clients_derive() -> None:
    update = STATES["Update endpoint"]["Arguments"]
    assert evaluate(update["EndpointConfigName"], **CALM) == RELEASE
    assert RELEASE.startswith("lakecast-prod-forecast-v12-")
    configuration = STATES["Create configuration"]["Arguments"]
    assert evaluate(configuration["ProductionVariants"], **CALM) == [
        {
            "VariantName": "champion",
            "ModelName": naming.model(NAMES, 12),
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 2,
            "InitialVariantWeight": 1,
        }
    ]


def test_a_model_is_created_from_a_version_or_a_training_job() -> None:
    chosen = MODELS["Does the model exist"]
    is_there, of_version = chosen["Choices"]
    version, job = PINNED["variants"]
    assert evaluate(is_there["Condition"], is_there=True)
    assert evaluate(of_version["Condition"], variant=version)
    container = evaluate(of_version["Assign"]["container"], variant=version)
    package = container["ModelPackageName"]
    assert package.endswith(":123456789012:model-package/lakecast-prod-forecast/12")
    assert not evaluate(of_version["Condition"], variant=job)
    assert chosen["Default"] == "Describe training job"
    described = {
        "ModelArtifacts": {"S3ModelArtifacts": "s3://m/model.tar.gz"},
        "AlgorithmSpecification": {"TrainingImage": "image"},
    }
    (made,) = MODELS["Describe training job"]["Assign"].values()
    assert evaluate(made, states={"result": described}) == {
        "Image": "image",
        "ModelDataUrl": "s3://m/model.tar.gz",
    }


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        ({}, "Prepare models"),
        (SETTLED, "Done"),
        ({"serves": f"{NAMES.endpoint}-0123456789abcdef"}, "Prepare models"),
        ({"serves": RELEASE, "status": "Updating"}, "Wait"),
        ({"status": "Missing", "serves": "nothing"}, "Prepare models"),
        ({"status": "Failed", "serves": RELEASE}, "Delete endpoint"),
        ({"wanted": NOTHING}, "Done"),
        ({"wanted": NOTHING, "status": "Updating"}, "Wait"),
        ({"wanted": NOTHING, "rejected": 11, "status": "Failed"}, "Done"),
        ({"wanted": NOTHING, "rejected": 11}, "Describe configuration"),
        ({"tried": BEFORE, "serves": RELEASE}, "Done"),
        ({"tried": RELEASE, "serves": RELEASE}, "Done"),
        ({"tried": RELEASE, "wanted": by_default(13)}, "Prepare models"),  # approved meanwhile
        ({"wanted": PINNED}, "Prepare models"),
        ({"wanted": PINNED, "serves": PINNED["configuration"],
          "weights": "challenger:1, champion:9"}, "Done"),
        ({"serves": RELEASE, "weights": "champion:0.5"}, "Set weights"),
    ],
)  # fmt: skip
def test_one_action_is_taken_on_a_difference(situation: dict[str, Any], expected: str) -> None:
    assert decision(**situation) == (expected, "")


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        ({"tried": RELEASE, "reason": "no ping"}, "Version 12 did not come into service: no ping"),
        ({"tried": RELEASE, "status": "Failed"}, "Version 12 did not come into service"),
        ({"tried": RELEASE, "status": "Missing"}, "Version 12 did not come into service"),
        (
            {"tried": PINNED["configuration"], "wanted": PINNED},
            "The release of champion (lakecast-prod-forecast-v12), challenger (job-1) did not come",
        ),
        ({"status": "OutOfService"}, "No rollout from here"),
        ({"status": "Updating", "turns": 500}, "The endpoint was busy for 2 hours"),
        ({"wanted": NOTHING, "note": "The release was removed."}, "The release was removed."),
    ],
)
def test_failures_that_need_a_person_are_reported(situation: dict[str, Any], words: str) -> None:
    state, message = decision(**situation)
    assert state == "Explain failure"
    assert words in message
    why = evaluate(STATES["Explain failure"]["Assign"]["why"], cause=message, error="")
    variables = {"why": why, **CALM, **situation}
    published = STATES["Publish failure"]["Arguments"]["Message"]
    execution = {"context": {"Execution": {"Id": "execution-1"}}}
    text = evaluate(published, states=execution, **variables)
    cause = evaluate(STATES["Failed"]["Cause"], **variables)
    assert text.startswith(f"{cause} What is approved and what is live: make models ENV=prod.")
    assert cause.startswith(message)
    state = f"{NAMES.endpoint} is {situation.get('status', 'InService')} with {BEFORE}."
    assert cause.endswith(state)


def test_weights_that_do_not_change_are_reported() -> None:
    wrong = {"serves": RELEASE, "weights": "champion:0.5", "tried": "weights"}
    state, message = decision(**wrong)
    assert state == "Explain failure"
    assert "Expected the weights champion:1; got champion:0.5" in message


def test_a_release_that_was_removed_is_reported_once_the_endpoint_is_settled() -> None:
    note = {"note": "The release was removed, as it pinned version 7, which is rejected."}
    assert decision(**note) == ("Prepare models", "")
    state, message = decision(**note, **SETTLED)
    assert state == "Explain failure"
    assert message.startswith(note["note"])


@pytest.mark.parametrize("step", ["Create model", "Create endpoint", "Update endpoint"])
def test_a_rejected_call_is_not_a_failure_before_the_next_comparisons(step: str) -> None:
    """They show whether another execution was faster, regardless of the error message."""
    refusal = {"step": step, "cause": "Cannot create already existing endpoint."}
    assert following("Are retries left", **refusal) == ("Wait", {"refusals": 1})


def test_a_permanently_rejected_call_is_reported() -> None:
    refusal = {"step": "Prepare models", "cause": "Could not find model data at s3://models/x."}
    assert following("Are retries left", **refusal, refusals=2)[0] == "Wait"
    state, assigned = following("Are retries left", **refusal, refusals=3)
    assert state == "Explain failure"
    expected = f"The step Prepare models was refused: {refusal['cause']}"
    assert assigned["cause"] == expected


def test_a_rejection_of_a_version_out_of_service_creates_no_endpoint() -> None:
    missing = {"status": "Missing", "serves": "nothing", "rejected": 11}
    assert decision(**missing) == ("Done", "")
    deleted = STATES["Delete endpoint"]["Assign"]["rejected"]
    assert decision(**{**missing, "rejected": evaluate(deleted)}) == ("Prepare models", "")


def test_a_rejected_version_that_remains_in_service_is_reported() -> None:
    variants = [{"ModelName": naming.model(NAMES, 11)}]
    found = seen("Describe configuration", {"ProductionVariants": variants}, rejected=11)
    assert found == {"live": True}
    state, assigned = following("Is the rejected version live", live=True, rejected=11)
    assert state == "Explain failure"
    assert "no other version is approved to go back to" in assigned["cause"]
    assert following("Is the rejected version live", live=False, rejected=11)[0] == "Done"
