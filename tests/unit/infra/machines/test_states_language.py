"""Definitions of all state machines are valid Amazon States Language."""

from __future__ import annotations

import copy
import json

import pytest

from contracts.names import ENVIRONMENTS
from localcloud.services.stepfunctions.definitions.check import diagnostics
from tests.support.states_language import IS_INSTALLED, faults
from tests.unit.infra.machines.test_calls import LONGEST, definition_of
from tests.unit.infra.test_stacks import Estate

NEEDS_NPM = pytest.mark.skipif(
    not IS_INSTALLED, reason="the validators are not installed: make verify needs an npm registry"
)


def definitions(estate):
    machines = estate.resources("aws_sfn_state_machine")
    return {name: definition_of(estate, name) for name in machines}


@NEEDS_NPM
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_definition_is_valid(synthesised, environment):
    machines = definitions(Estate(synthesised, environment))
    assert faults(machines) == {name: [] for name in machines}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_local_cloud_accepts_every_definition(synthesised, environment):
    machines = definitions(Estate(synthesised, environment))
    assert {name: diagnostics(json.dumps(one)) for name, one in machines.items()} == {
        name: [] for name in machines
    }


@pytest.fixture(scope="module")
def nightly(synthesised):
    return definitions(Estate(synthesised, LONGEST))["nightly_machine"]


FAULTS = [
    ("Versions", {"Next": "Nowhere"}, "MISSING_TRANSITION_TARGET"),
    ("Versions", {"Retries": []}, "SCHEMA_VALIDATION_FAILED"),
    ("Versions", {"Parameters": {}}, "SCHEMA_VALIDATION_FAILED"),
    ("Wait before retry", {"Seconds": -1}, "SCHEMA_VALIDATION_FAILED"),
    ("Start", {"Assign": {"run": "{% $uppercase( %}"}}, "/States/Start/Assign/run: "),
    ("Start", {"Assign": {"run": "{% $run }"}}, "/States/Start/Assign/run: "),
    ("Versions", {"Catch": [{"ErrorEquals": ["States.ALL"]}]}, "SCHEMA_VALIDATION_FAILED"),
]


@NEEDS_NPM
@pytest.mark.parametrize(("state", "changes", "fault"), FAULTS)
def test_a_definition_that_aws_would_refuse_is_found(nightly, state, changes, fault):
    machine = copy.deepcopy(nightly)
    machine["States"][state].update(changes)
    found = faults({"nightly": machine})["nightly"]
    assert any(one.startswith(fault) for one in found), found


@pytest.mark.parametrize(("state", "changes", "fault"), FAULTS)
def test_the_local_cloud_refuses_it_too(nightly, state, changes, fault):
    machine = copy.deepcopy(nightly)
    machine["States"][state].update(changes)
    assert diagnostics(json.dumps(machine)) != []
