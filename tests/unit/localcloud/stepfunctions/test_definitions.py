"""Definitions that AWS refuses, or that the local cloud cannot run, are refused."""

from __future__ import annotations

import copy
import json

import pytest

from localcloud.services.stepfunctions.definitions.check import diagnostics
from tests.unit.localcloud.stepfunctions.machine_room import DONE, GLUE, jsonata, machine

TASK = {"Type": "Task", "Resource": GLUE, "Parameters": {"JobName": "etl"}, "End": True}
JSONATA_TASK = {"Type": "Task", "Resource": GLUE, "Arguments": {"JobName": "etl"}, "End": True}
END = {"Type": "Pass", "End": True}


def found(definition):
    return [str(one) for one in diagnostics(json.dumps(definition))]


SOUND = {
    "jsonpath": machine(
        Run={**TASK, "Retry": [{"ErrorEquals": ["Glue.X"], "MaxDelaySeconds": 9},
                               {"ErrorEquals": ["States.ALL"]}],
             "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Choose", "ResultPath": "$.e"}]},
        Choose={"Type": "Choice", "Default": "Wait", "Choices": [
            {"And": [{"Variable": "$.a", "IsPresent": True},
                     {"Not": {"Variable": "$.a", "StringMatches": "x*"}}], "Next": "Wait"}]},
        Wait={"Type": "Wait", "SecondsPath": "$.s", "Next": "Each"},
        Each={"Type": "Map", "ItemsPath": "$.items", "End": True, "ItemSelector": {"v.$": "$$.Map"},
              "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "In",
                                "States": {"In": END}}},
    ),
    "jsonata": jsonata(
        Run={**JSONATA_TASK, "Arguments": "{% $states.input %}", "Assign": {"run": "{% 1 %}"},
             "TimeoutSeconds": "{% 5 %}"},
    ),
    "both": machine(Run={**JSONATA_TASK, "QueryLanguage": "JSONata"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_definition_has_no_diagnostics(name):
    assert found(SOUND[name]) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"),
        ("not", "INVALID_JSON_DESCRIPTION: "),
        ('{"a":NaN}', "INVALID_JSON_DESCRIPTION: "),
        ("[]", "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"),
        ("{}", "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /"),
    ],
)
def test_texts_that_are_no_definition(text, message):
    assert str(diagnostics(text)[0]).startswith(message)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({**TASK, "Next": "Done"}, "Exactly one of these fields is required: [Next|End]"),
        ({**TASK, "Retries": []}, "The field 'Retries' is not supported"),
        ({**TASK, "Arguments": {}}, "The field 'Arguments' is not supported"),
        ({**TASK, "Assign": {"a": 1}}, "The local cloud does not support the field 'Assign'"),
        ({**TASK, "Credentials": {}}, "The local cloud does not support the field 'Credentials'"),
        ({**TASK, "TimeoutSeconds": 0}, "expected an integer from 1"),
        ({**TASK, "TimeoutSeconds": 5, "HeartbeatSeconds": 5}, "must be smaller"),
        ({**TASK, "Retry": [{"MaxAttempts": 1}]}, "These fields are required: [ErrorEquals]"),
        ({**TASK, "Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]},
         "States.ALL must be in the last item of Retry"),
        ({**TASK, "Retry": [{"ErrorEquals": ["A"], "IntervalSeconds": 9, "MaxDelaySeconds": 9}]},
         "MaxDelaySeconds must be greater"),
        ({**TASK, "Retry": [{"ErrorEquals": ["A"], "BackoffRate": 0.5}]}, "a number from 1.0"),
        ({**TASK, "Catch": [{"ErrorEquals": ["States.ALL"]}]}, "are required: [Next]"),
        ({**TASK, "Catch": [{"ErrorEquals": ["A"], "Next": "Nowhere"}]},
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: Nowhere"),
        ({**TASK, "Parameters": {"Job": 1}}, "The field 'Job' is not supported by Step Functions"),
        ({**TASK, "Parameters": {}}, "The field 'JobName' is required but was missing"),
        ({**TASK, "Resource": "arn:aws:states:::glue:startJobRun.waitForTaskToken"},
         "is not recognized"),
        ({**TASK, "Resource": "arn:aws:states:::aws-sdk:glue:startJob"}, "is not recognized"),
        ({**TASK, "Resource": "arn:aws:states:us-east-1:000000000000:activity:a"},
         "is not recognized"),
        ({**TASK, "Parameters": {"JobName.$": "$.a[?(@.b > 1)]"}}, "does not support filters"),
        ({**TASK, "Parameters": {"JobName.$": "$.a[0:2]"}}, "does not support filters, slices"),
        ({**TASK, "Parameters": {"JobName.$": "$..a"}}, "does not support filters"),
        ({**TASK, "Parameters": {"JobName.$": "$.a[-1]"}}, "does not support filters"),
        ({**TASK, "Parameters": {"JobName.$": "$variable"}}, "does not support filters"),
        ({**TASK, "Parameters": {"JobName.$": "States.Nothing()"}}, "intrinsic function"),
        ({**TASK, "InputPath": "a.b"}, "must be a valid JSONPath"),
        ({**TASK, "ResultPath": "$.a[*]"}, "expected a reference path"),
        ({"Type": "Task", "End": True}, "required: [Resource]"),
        ({"Type": "Wait", "Seconds": 1, "Timestamp": "2026-01-01T00:00:00Z", "End": True},
         "Exactly one of these fields is required: [Seconds|"),
        ({"Type": "Wait", "Timestamp": "tomorrow", "End": True}, "expected an ISO-8601 timestamp"),
        ({"Type": "Nap", "End": True}, "Type must be one of"),
        ({"Type": "Choice", "Choices": []}, "non-empty array"),
        ({"Type": "Choice", "Choices": [{"Variable": "$.a", "Next": "Done"}]}, "one operator"),
        ({"Type": "Choice", "Choices": [{"Variable": "$.a", "Is": 1, "Next": "Done"}]},
         "The operator 'Is' is not supported"),
        ({"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": "1", "Next": "Done"}]},
         "expected a value of the type numeric"),
        ({"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "Done"}]},
         "are required: [Variable]"),
        ({"Type": "Parallel", "Branches": [], "End": True}, "Branches must be a non-empty array"),
        ({"Type": "Parallel", "Branches": [{"StartAt": "A"}], "End": True},
         "These fields are required: [States] at /States/It/Branches[0]"),
        ({"Type": "Parallel", "Branches": [machine(Done=END)], "End": True},
         "DUPLICATE_STATE_NAME: Duplicate State name: Done"),
        ({"Type": "Map", "End": True,
          "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, **machine(In=END)}},
         "supports the Mode INLINE"),
        ({"Type": "Map", "End": True, "ItemReader": {}, "ItemProcessor": machine(In=END)},
         "The local cloud does not support the field 'ItemReader'"),
    ],
)  # fmt: skip
def test_a_fault_of_a_state_is_found(state, message):
    faults = found(machine(It=state, Done=END))
    assert any(message in one for one in faults), faults


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Parameters": {}}, "The field 'Parameters' is not supported in the query language"),
        ({"Arguments": {"JobName": "{% $x( %}"}}, "INVALID_JSONATA_EXPRESSION: "),
        ({"Arguments": {"JobName": "{% $x }"}}, "expected {% and %} around an expression"),
        ({"Assign": {"states": 1}}, "expected the name of a variable"),
        ({"QueryLanguage": "JSONPath"}, "can not be 'JSONPath' if set to 'JSONata'"),
        ({"TimeoutSeconds": 1.5}, "expected an integer from 1"),
    ],
)
def test_a_fault_of_a_state_in_jsonata_is_found(change, message):
    faults = found(jsonata(It={**JSONATA_TASK, **change}))
    assert any(message in one for one in faults), faults


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"StartAt": "Nowhere"}, "MISSING_TRANSITION_TARGET: Missing 'StartAt' target: Nowhere"),
        ({"TimeoutSeconds": -1}, "expected an integer from 1"),
        ({"Version": "2.0"}, "expected one of 1.0"),
        ({"Logging": {}}, "The field 'Logging' is not supported"),
        ({"States": {**DONE["States"], "Lost": {"Type": "Succeed"}}}, 'State "Lost" is not reach'),
        ({"States": {}}, "at least one state"),
        ({"QueryLanguage": "SQL"}, "expected one of JSONPath, JSONata"),
    ],
)
def test_a_fault_of_a_machine_is_found(change, message):
    faults = found({**copy.deepcopy(DONE), **change})
    assert any(message in one for one in faults), faults
