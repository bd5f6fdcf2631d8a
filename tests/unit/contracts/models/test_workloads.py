"""Names of a workload, derived from its own."""

from __future__ import annotations

import pytest

from contracts.models import naming
from contracts.models.workloads import FORECAST, WORKLOADS, Workload
from contracts.names import ENVIRONMENTS, Names
from tests.support.expressions import evaluate

NAMES = Names("staging", "123456789012", "eu-west-1")


def test_the_first_workload_keeps_the_estates_names():
    assert FORECAST.retrain_machine(NAMES) == NAMES.retrain_machine
    assert FORECAST.rollout_machine(NAMES) == NAMES.rollout_machine
    assert FORECAST.model_package_group(NAMES) == NAMES.model_package_group
    assert FORECAST.endpoint(NAMES) == NAMES.endpoint
    assert FORECAST.api(NAMES) == NAMES.api
    assert WORKLOADS == {"forecast": FORECAST}


def test_no_two_workloads_share_a_name():
    other = Workload("diamonds")
    for derive in (
        Workload.retrain_machine,
        Workload.rollout_machine,
        Workload.model_package_group,
        Workload.endpoint,
        Workload.api,
        Workload.retrain_jobs,
    ):
        assert "diamonds" in derive(other, NAMES)
        assert derive(other, NAMES) != derive(FORECAST, NAMES)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("workload", [FORECAST, Workload("diamonds")])
def test_names_of_a_runs_jobs_are_within_sagemakers_limit(workload, environment):
    jobs = workload.retrain_jobs(Names(environment, "123456789012", "eu-west-1"))
    longest = evaluate(
        naming.step_job_in_jsonata(jobs, "candidate", "$attempt"),
        run="20261231-235959-abcd",
        attempt="0123",
        states={"context": {"State": {"RetryCount": 8}}},
    )
    assert len(longest) <= naming.MOST, longest


@pytest.mark.parametrize("name", ["", "Forecast", "two-words", "forecasting"])
def test_a_name_that_does_not_fit_is_refused(name):
    with pytest.raises(ValueError, match="at most 8 small letters; got"):
        Workload(name)
