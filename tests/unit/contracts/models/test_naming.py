"""Names of jobs, models and configurations: within SageMaker's limits, and the same in JSONata."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.models import naming
from contracts.models.algorithms import ALGORITHMS
from contracts.names import ENVIRONMENTS, FORECAST, Names, Workload
from tests.support.expressions import evaluate

NOW = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
NAMES = Names("prod", "123456789012", "eu-west-1")


def execution(name: str) -> dict[str, Any]:
    started = "2026-12-31T23:59:59.000Z"
    return {"context": {"Execution": {"Name": name, "StartTime": started}}}


@pytest.mark.parametrize(
    "name",
    ["20261231-235959-abcd", "short", "0123456789abcdef-" * 4, "20261231-235959-abcde"],
)
def test_a_run_has_one_name_in_python_and_in_jsonata(name):
    found = evaluate(naming.run_in_jsonata(), states=execution(name))
    assert found == naming.run(name, NOW)
    assert len(found) <= naming.RUN_LENGTH


def test_executions_of_one_run_differ_in_their_attempt():
    attempts = {
        evaluate(naming.attempt_in_jsonata(), states=execution(name)) for name in ("one", "another")
    }
    assert len(attempts) == 2


def test_a_version_has_one_model_in_python_and_in_jsonata():
    found = evaluate(naming.model_in_jsonata(NAMES), version=12)
    assert found == naming.model(NAMES, 12) == "lakecast-prod-forecast-v12"
    assert naming.version_of(NAMES, found) == 12
    assert naming.version_of(NAMES, "lakecast-prod-boosting-20261231-235959-abcd") is None


@pytest.mark.parametrize(
    "variants",
    [
        [("champion", "lakecast-prod-forecast-v12", 1)],
        [("champion", "lakecast-prod-forecast-v12", 1.0)],
        [("champion", "v12", 9), ("challenger", "job", 0.5)],
        [("champion", "v12", 0.1), ("challenger", "job", 0)],
    ],
)
def test_a_configuration_has_one_name_in_python_and_in_jsonata(variants):
    expression = naming.configuration_in_jsonata(NAMES.endpoint, "$variants", "ml.m5.large", 2)
    given = [{"name": n, "model": m, "weight": w} for n, m, w in variants]
    expected = naming.configuration(NAMES.endpoint, variants, "ml.m5.large", 2)
    assert evaluate(expression, variants=given) == expected


def test_a_configuration_says_which_version_it_serves_first():
    variants = [("champion", naming.model(NAMES, 12), 9.0), ("challenger", "job", 1.0)]
    name = naming.configuration(NAMES.endpoint, variants, "ml.m5.large", 2)
    assert name.startswith("lakecast-prod-forecast-v12-")
    of_job = naming.configuration(NAMES.endpoint, variants[1:], "ml.m5.large", 2)
    assert of_job.removeprefix("lakecast-prod-forecast-").isalnum()


def test_another_content_is_another_configuration():
    one = ("champion", "v12", 1.0)
    names = {
        naming.configuration("e", [one], "ml.m5.large", 2),
        naming.configuration("e", [one], "ml.m5.large", 1),
        naming.configuration("e", [one], "ml.m5.xlarge", 2),
        naming.configuration("e", [("champion", "v13", 1.0)], "ml.m5.large", 2),
        naming.configuration("e", [("challenger", "v12", 1.0)], "ml.m5.large", 2),
        naming.configuration("e", [("champion", "v12", 2.0)], "ml.m5.large", 2),
        naming.configuration("e", [one, ("challenger", "v11", 1.0)], "ml.m5.large", 2),
    }
    assert len(names) == 7
    assert naming.configuration("e", [one], "ml.m5.large", 2) in names


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_names_are_within_sagemakers_limits(environment):
    names = Names(environment, "123456789012", "eu-west-1")
    for algorithm in ALGORITHMS:
        assert len(naming.training_job(names, algorithm, NOW, "abcd")) <= naming.MOST
    assert len(naming.tuning_job(names, NOW)) <= naming.MOST_OF_TUNING_JOB
    assert len(naming.model(names, 999_999)) <= naming.MOST
    longest = [("champion", naming.model(names, 999_999), 1.0)]
    assert len(naming.configuration(names.endpoint, longest, "ml.m5.large", 1)) <= naming.MOST
    assert naming.run(naming.execution(NOW, "abcd"), NOW) == naming.execution(NOW, "abcd")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("workload", [FORECAST, Workload("diamonds")])
def test_names_of_a_runs_jobs_are_within_sagemakers_limit(
    workload: Workload, environment: str
) -> None:
    names = Names(environment, "123456789012", "eu-west-1", workload)
    longest = evaluate(
        naming.step_job_in_jsonata(names.retrain_jobs, "candidate", "$attempt"),
        run="20261231-235959-abcd",
        attempt="0123",
        states={"context": {"State": {"RetryCount": 8}}},
    )
    assert len(longest) <= naming.MOST, longest
