"""The rollout machine of another workload."""

from __future__ import annotations

import json

from contracts.names import Names, Workload
from contracts.settings.schema import Endpoint
from infra.modules.machines.rollout.definition import RolloutInputs, definition

NAMES = Names("staging", "123456789012", "eu-west-1", Workload("diamonds"))
MACHINE = definition(
    RolloutInputs(
        NAMES,
        Endpoint(instance_type="ml.m5.large", initial_instance_count=1, poll_seconds=15),
        {"project": "lakecast"},
    )
)


def test_it_reads_only_the_release_of_its_workload() -> None:
    states = MACHINE.definition["States"]
    for name in ("Read release", "Remove release"):
        assert states[name]["Arguments"]["Key"] == {"workload": {"S": "diamonds"}}
    (statement,) = (one for one in MACHINE.statements if "dynamodb:GetItem" in one.actions)
    assert statement.conditions == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["diamonds"]}
    }


def test_nothing_in_it_names_another_workload() -> None:
    assert "lakecast-staging-forecast" not in json.dumps(MACHINE.definition)
    for statement in MACHINE.statements:
        for resource in statement.resources:
            if any(kind in resource for kind in (":endpoint/", ":endpoint-config/", ":model-pack")):
                assert "lakecast-staging-diamonds" in resource, statement.sid
