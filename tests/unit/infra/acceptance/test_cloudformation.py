"""Resources of the estate satisfy CloudFormation's schemas, as cfn-lint has them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from contracts.names import ENVIRONMENTS
from tests.support.cloudformation.linting import findings
from tests.support.cloudformation.translation import (
    Place,
    Translation,
    TranslationError,
    table_of,
    tables,
    translate,
    values_of,
)
from tests.unit.infra.test_stacks import Estate

CHECKED = 0.93
"""Least share of the estate's properties that are held to a schema, of those whose value is known
before Terraform applies."""


@dataclass
class Resource:
    """A resource, the paths of its values, and its translation if CloudFormation has its type."""

    environment: str
    address: str
    kind: str
    paths: set[str]
    translation: Translation | None


@pytest.fixture(scope="module")
def resources(synthesised) -> list[Resource]:
    found = []
    for environment in ENVIRONMENTS:
        for stack in Estate(synthesised, environment).stacks.values():
            for kind, declared in stack["resource"].items():
                for name, one in declared.items():
                    has_type = table_of(kind).type is not None
                    translation = translate(kind, one, stack) if has_type else None
                    paths = set(values_of(one))
                    found.append(Resource(environment, f"{kind}.{name}", kind, paths, translation))
    return found


def translations_of(resources: list[Resource]) -> dict[str, Translation]:
    """Returns each different translation once, by the address of a resource.

    Of those that differ in the environment's name only, that of the longest name is taken.
    """
    by_content = {}
    for one in sorted(resources, key=lambda each: len(each.environment)):
        if one.translation is not None:
            content = json.dumps([one.translation.type, one.translation.properties], sort_keys=True)
            by_content[content.replace(one.environment, "environment")] = one
    return {
        f"{one.environment}: {one.address}": one.translation
        for one in by_content.values()
        if one.translation is not None
    }


def test_every_resource_satisfies_its_schema(resources):
    translations = translations_of(resources)
    assert len(translations) > 150
    faults = findings((one.type, one.properties) for one in translations.values())
    assert [(list(translations)[one.at], one) for one in faults] == []


def test_nearly_every_property_is_checked(resources):
    everything, checked, unknown = set(), set(), set()
    for one in resources:
        known, places = set(), set()
        if one.translation is not None:
            known, places = one.translation.known(), one.translation.places.keys()
        for path in one.paths:
            everything.add((one.kind, path))
            if is_below(path, known):
                checked.add((one.kind, path))
            elif is_below(path, places):
                unknown.add((one.kind, path))
    unknown -= checked
    share = len(checked) / len(everything - unknown)
    print(
        f"of {len(everything)} properties {len(unknown)} refer to others; "
        f"{share:.1%} of the rest are checked"
    )
    assert share >= CHECKED, sorted(everything - checked - unknown)


def is_below(path: str, places: set[str]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in places)


def test_the_list_of_what_is_not_checked_is_up_to_date(resources):
    assert set(tables()) <= {one.kind for one in resources}
    listed = {(kind, path) for kind, one in tables().items() for path in one.without}
    assert listed == {
        (one.kind, path) for one in resources if one.translation for path in one.translation.without
    }


def test_a_property_without_counterpart_is_an_error():
    with pytest.raises(TranslationError, match="expected a counterpart in AWS::SNS::Topic for"):
        translate("aws_sns_topic", {"name": "alarms", "nmae": "alarms"}, {"resource": {}})
    with pytest.raises(TranslationError, match="expected CloudFormation's type for aws_sns_tropic"):
        translate("aws_sns_tropic", {"name": "alarms"}, {"resource": {}})


def test_a_wrong_value_of_any_property_is_found(resources):
    """No property has this type, so each one that a schema does not hold shows here."""
    translations = translations_of(resources)
    places = {
        (one.type, path): (address, of_path[0])
        for address, one in translations.items()
        for path, of_path in one.places.items()
    }
    together: dict[str, list[Place]] = {}
    for address, place in places.values():
        together.setdefault(address, []).append(place)
    found = {
        (list(together)[one.at], one.place[:length])
        for one in findings(broken(translations, together.items()))
        for length in range(len(one.place) + 1)
    }
    # alternatives are reported where they begin, so these need a resource with one fault
    rest = [one for one in places.values() if one not in found]
    assert len(rest) < 5
    alone = {one.at for one in findings(broken(translations, [(a, [b]) for a, b in rest]))}
    assert [one for at, one in enumerate(rest) if at not in alone] == []


def broken(translations, places):
    """Returns types and properties of resources with wrong values at some places."""
    return [
        (translations[address].type, translations[address].broken(some, [["wrong"]]))
        for address, some in places
    ]


FAULTS = [
    # enumeration, pattern, length, number, required, dependencies between properties
    ("aws_cloudwatch_metric_alarm", {"comparison_operator": "GreaterThan"}, "E3030"),
    ("aws_cloudwatch_metric_alarm", {"period": 90}, "E3615"),
    ("aws_cloudwatch_metric_alarm", {"evaluation_periods": 0}, "E3034"),
    ("aws_glue_job", {"worker_type": "G.3X"}, "E3030"),
    ("aws_iam_role_policy", {"name": "a policy"}, "E3031"),
    ("aws_lambda_function", {"memory_size": 64}, "E3034"),
    ("aws_lambda_function", {"runtime": "python3.7"}, "E2531"),
    ("aws_kms_alias", {"name": "data"}, "E3031"),
    ("aws_sagemaker_model_package_group", {"model_package_group_name": "a_b"}, "E3031"),
    ("aws_sagemaker_model_package_group", {"model_package_group_name": "a" * 64}, "E3033"),
    ("aws_cloudwatch_event_rule", {"schedule_expression": "cron(0 0 * * * *)"}, "E3027"),
    ("aws_sfn_state_machine", {"type": "FAST"}, "E3030"),
    ("aws_s3_bucket_versioning", {"versioning_configuration": {"status": "On"}}, "E3030"),
    ("aws_sqs_queue", {"delay_seconds": 901}, "E3034"),
    ("aws_dynamodb_table", {"hash_key": None}, "E3039"),
]


@pytest.fixture(scope="module")
def rules_broken(synthesised) -> list[set[str]]:
    """The rules that each of `FAULTS` breaks."""
    changed = []
    for kind, changes, _ in FAULTS:
        resource, stack = {}, {"resource": {}}
        for one in Estate(synthesised, "prod").stacks.values():
            if kind in one["resource"]:
                resource, stack = next(iter(one["resource"][kind].values())), one
        with_fault = {name: one for name, one in (resource | changes).items() if one is not None}
        changed.append(translate(kind, with_fault, stack))
    rules = [set() for _ in FAULTS]
    for one in findings((each.type, each.properties) for each in changed):
        rules[one.at].add(one.rule)
    return rules


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=lambda at: f"{at}-{FAULTS[at][0]}")
def test_a_fault_of_each_kind_is_found(number, rules_broken):
    assert FAULTS[number][2] in rules_broken[number]
