"""The nightly state machine and the drift alarms in the synthesised Terraform."""

from __future__ import annotations

import json

import jsonata
import pytest

from contracts.models import drift_metrics, naming
from contracts.names import ENVIRONMENTS
from tests.unit.infra.machines.test_retrain import evaluated, states, strings, targets
from tests.unit.infra.test_stacks import Estate


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def estate(synthesised, request):
    return Estate(synthesised, request.param)


@pytest.fixture(scope="module")
def machine(estate):
    resource = estate.resources("aws_sfn_state_machine")["nightly_machine"]
    return json.loads(resource["definition"])


def test_every_state_is_reachable_and_has_a_successor(machine):
    reached, pending = set(), {machine["StartAt"]}
    while pending:
        name = pending.pop()
        reached.add(name)
        state = machine["States"][name]
        assert targets(state) or state.get("End") or state["Type"] == "Fail", name
        pending |= targets(state) - reached
    assert reached == set(machine["States"])


def test_every_failure_is_reported_and_releases_the_lock(machine):
    for name, state in states(machine):
        if state["Type"] != "Task" or name in ("Unlock after failure", "Publish failure"):
            continue
        last = state["Catch"][-1] if name != "Unlock" else {"Next": "Done"}
        assert last["Next"] in ("Explain failure", "Are retries left", "Done"), name
    path, state = [], "Explain failure"
    while state:
        path.append(state)
        state = machine["States"][state].get("Next")
    assert path == ["Explain failure", "Unlock after failure", "Publish failure", "Failed"]


def test_the_model_of_a_version_is_created_only_if_it_is_missing(machine, estate):
    found, chosen = machine["States"]["Find model"], machine["States"]["Does the model exist"]
    model = naming.model(estate.names, 7)
    assert evaluated(found["Arguments"]["NameContains"], version=7) == model
    for listed, is_there in (
        ([], False),
        ([{"ModelName": f"{model}0"}, {"ModelName": f"old-{model}"}], False),
        ([{"ModelName": model}, {"ModelName": f"{model}1"}], True),
    ):
        result = {"result": {"Models": listed}}
        assert evaluated(found["Assign"]["is_there"], version=7, states=result) is is_there
        (rule,) = chosen["Choices"]
        assert evaluated(rule["Condition"], is_there=is_there) is is_there
    assert (rule["Next"], chosen["Default"]) == ("Is the ETL requested", "Create model")


@pytest.mark.parametrize("cause", ["Cannot create already existing model.", "Access denied."])
def test_a_rejected_creation_leads_to_another_lookup_regardless_of_the_message(machine, cause):
    assert machine["States"]["Create model"]["Retry"] == []
    (caught,) = machine["States"]["Create model"]["Catch"]
    following, waiting = machine["States"][caught["Next"]], machine["States"]["Wait before retry"]
    (rule,) = following["Choices"]
    assert (rule["Next"], waiting["Next"]) == ("Wait before retry", "Find model")
    tries = 0
    while evaluated(rule["Condition"], tries=tries, cause=cause):
        assert evaluated(waiting["Seconds"], tries=tries) == 10 * 2**tries
        tries = evaluated(waiting["Assign"]["tries"], tries=tries)
    assert (tries, following["Default"]) == (3, "Explain failure")


def test_the_role_may_list_the_models(estate):
    policy = json.loads(
        estate.resources("aws_iam_role_policy")["nightly_machine_role_policy"]["policy"]
    )
    assert "sagemaker:ListModels" in {
        action for statement in policy["Statement"] for action in statement["Action"]
    }


def test_every_expression_is_valid(machine):
    for text in strings(machine):
        if text.startswith("{%"):
            jsonata.Jsonata.jsonata(text[2:-2].strip())


def test_names_of_jobs_are_short_enough_and_unique_per_attempt(machine):
    names = [
        state["Arguments"][member]
        for _, state in states(machine)
        for member in ("ProcessingJobName", "TransformJobName")
        if member in state.get("Arguments", {})
    ]
    assert len(names) == 4
    for name in names:
        tried = {
            evaluated(name, run="20261231-235959", states={"context": {"State": {"RetryCount": n}}})
            for n in (0, 1)
        }
        assert len(tried) == 2
        assert max(map(len, tried)) <= 63


def test_the_schedule_reads_arrivals_first_and_manual_starts_may_skip_that(estate, machine):
    begin = machine["States"]["Start"]["Assign"]
    context = {"Execution": {"StartTime": "2026-11-21T00:30:00.000Z"}}
    by_hand = {"context": context, "input": {}}
    assert evaluated(begin["start"], states=by_hand) == "2026-11-19T00:30:00.000Z"
    assert evaluated(begin["end"], states=by_hand) == "2026-11-21T00:30:00.000Z"
    assert evaluated(begin["read_arrivals"], states=by_hand) is False
    if estate.names.environment != "local":
        target = estate.resources("aws_cloudwatch_event_target")["nightly_schedule_target"]
        scheduled = {"context": context, "input": json.loads(target["input"])}
        assert evaluated(begin["read_arrivals"], states=scheduled) is True


def test_the_machine_starts_every_night_except_locally(estate):
    scheduled = estate.resources("aws_cloudwatch_event_rule").get("nightly_schedule")
    if estate.names.environment == "local":
        assert scheduled is None
    else:
        assert scheduled["schedule_expression"].startswith("cron(")


def test_alarms_need_three_of_five_days_above_the_limit(estate):
    alarms = {
        one["metric_name"]: one
        for one in estate.resources("aws_cloudwatch_metric_alarm").values()
        if one["metric_name"] in drift_metrics.METRICS
    }
    assert set(alarms) == set(drift_metrics.METRICS)
    for alarm in alarms.values():
        assert (alarm["datapoints_to_alarm"], alarm["evaluation_periods"]) == (3, 5)
        assert (alarm["threshold"], alarm["period"]) == (1, 86400)
        assert alarm["alarm_actions"][0].endswith("-alarms")


def test_only_drift_that_a_new_model_can_fix_starts_retraining(estate):
    rule = estate.resources("aws_cloudwatch_event_rule")["drift_rule"]
    pattern = json.loads(rule["event_pattern"])
    part = f"lakecast-{estate.names.environment}"
    assert pattern["detail"]["alarmName"] == [
        f"{part}-{name}" for name in ("input-drift", "forecast-loss", "unknown-categories")
    ]
    target = estate.resources("aws_cloudwatch_event_target")["drift_rule_target"]
    assert target["arn"].endswith(f":stateMachine:{part}-retrain")


def test_jobs_may_write_only_forecasts_to_the_lake(estate):
    policy = json.loads(estate.resources("aws_iam_role_policy")["nightly_jobs_policy"]["policy"])
    writable = [
        resource
        for statement in policy["Statement"]
        if "s3:PutObject" in statement["Action"]
        for resource in statement["Resource"]
    ]
    assert [resource.partition(":::")[2].partition("/")[2] for resource in writable] == [
        "forecasts/*",
        "nightly/*",
    ]
    (metrics,) = [one for one in policy["Statement"] if one["Sid"] == "PublishMetrics"]
    assert metrics["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Lakecast"}}
