"""Input, output, choices and errors of states, as Step Functions has them."""

from __future__ import annotations

import json

import pytest

from localcloud.services.stepfunctions.engine import intrinsics
from localcloud.services.stepfunctions.engine.errors import StateError, is_matched
from localcloud.services.stepfunctions.engine.retries import delay
from tests.unit.localcloud.stepfunctions.machine_room import jsonata, machine, room

DATA = {"a": {"b c": [{"n": 1}, {"n": 2}]}, "z": None, "t": "x"}


@pytest.fixture(scope="module")
def states():
    with room() as opened:
        yield opened


def passed(states, path, given=DATA):
    return states.run(machine(P={"Type": "Pass", "Parameters": {"v.$": path}, "End": True}), given)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.a['b c'][1].n", 2),
        ("$.a['b c'][*].n", [1, 2]),
        ("$.a.*", [[{"n": 1}, {"n": 2}]]),
        ("$.z", None),
        ("$$.Execution.Input.t", "x"),
        ("States.Format('{}/{}', $.t, $.a['b c'][0])", 'x/{"n":1}'),
        ("States.ArrayLength($.a['b c'])", 2),
    ],
)
def test_paths_and_functions_have_values(states, path, value):
    assert json.loads(passed(states, path)["output"]) == {"v": value}


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("$.missing", "States.Runtime"),
        ("$.a['b c'][2]", "States.Runtime"),
        ("States.MathAdd($.t, 1)", "States.IntrinsicFailure"),
        ("States.StringToJson('{')", "States.IntrinsicFailure"),
    ],
)
def test_what_has_no_value_fails_the_execution(states, path, error):
    found = passed(states, path)
    assert (found["status"], found["error"]) == ("FAILED", error)


def test_runtime_errors_are_not_caught(states):
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]
    task = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Catch": catch,
            "Parameters": {"Message.$": "$.missing"}, "Next": "Done"}  # fmt: skip
    found = states.run(machine(T=task, Done={"Type": "Succeed"}), {})
    assert (found["status"], found["error"]) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({"Variable": "$.missing", "IsPresent": False}, True),
        ({"Variable": "$.z", "IsPresent": True}, True),
        ({"Variable": "$.z", "IsNull": True}, True),
        ({"Variable": "$.n", "IsNumeric": True}, True),
        ({"Variable": "$.yes", "IsNumeric": True}, False),
        ({"Variable": "$.t", "StringMatches": "l*g\\*"}, True),
        ({"Variable": "$.t", "StringLessThanPath": "$.u"}, True),
        ({"Variable": "$.n", "StringEqualsPath": "$.n"}, False),
        ({"Variable": "$.when", "TimestampGreaterThanEquals": "2026-01-01T00:00:00Z"}, True),
        ({"Variable": "$.when", "TimestampLessThanPath": "$.later"}, True),
        ({"Not": {"Variable": "$.n", "NumericGreaterThanEquals": 3}}, False),
        ({"And": [{"Variable": "$.n", "NumericEquals": 3},
                  {"Variable": "$.yes", "BooleanEquals": True}]}, True),
    ],
)  # fmt: skip
def test_rules_of_choices(states, rule, holds):
    given = {"z": None, "n": 3, "yes": True, "t": "long*", "u": "m",
             "when": "2026-01-01T01:00:00+01:00", "later": "2026-01-02T00:00:00Z"}  # fmt: skip
    choice = {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"}
    ends = {"Yes": {"Type": "Succeed"}, "No": {"Type": "Fail", "Error": "No"}}
    found = states.run(machine(C=choice, **ends), given)
    assert (found["status"] == "SUCCEEDED") is holds


def test_a_rule_on_a_missing_value_fails_the_execution(states):
    choice = {"Type": "Choice", "Default": "No",
              "Choices": [{"Variable": "$.x", "NumericEquals": 1, "Next": "No"}]}  # fmt: skip
    found = states.run(machine(C=choice, No={"Type": "Succeed"}), {})
    assert found["error"] == "States.Runtime"


def test_variables_of_branches_stay_in_them(states):
    inner = {
        "StartAt": "Set",
        "States": {
            "Set": {"Type": "Pass", "Assign": {"x": "{% $x + 1 %}"}, "Output": "{% $x %}",
                    "Next": "See"},
            "See": {"Type": "Pass", "Output": "{% $x %}", "End": True},
        },
    }  # fmt: skip
    found = states.run(
        jsonata(
            Start={"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "Swap"},
            Swap={"Type": "Pass", "Assign": {"x": "{% $y %}", "y": "{% $x %}"}, "Next": "Each"},
            Each={
                "Type": "Map",
                "Items": [1, 2],
                "ItemProcessor": inner,
                "Output": {"inner": "{% $states.result %}", "outer": "{% [$x, $y] %}"},
                "End": True,
            },
        )
    )
    assert json.loads(found["output"]) == {"inner": [3, 3], "outer": [2, 1]}


def test_the_context_has_no_members_of_the_engine(states):
    keys = {"Type": "Pass", "Output": "{% $keys($states.context) %}", "End": True}
    found = json.loads(states.run(jsonata(P=keys))["output"])
    assert sorted(found) == ["Execution", "State", "StateMachine"]


def test_an_output_beyond_the_limit_fails_the_execution(states):
    big = "{% $join($map([1..30000], function($i) { 'ten bytes ' })) %}"
    found = states.run(jsonata(P={"Type": "Pass", "Output": big, "End": True}))
    assert found["error"] == "States.DataLimitExceeded"


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayPartition(States.Array(1, 2, 3), 2)", [[1, 2], [3]]),
        ("States.ArrayContains(States.Array(1, 2), true)", False),
        ("States.ArrayUnique(States.Array(1, 1, '1'))", [1, "1"]),
        ("States.StringSplit('1,2;;3', ',;')", ["1", "2", "3"]),
        ("States.Base64Decode(States.Base64Encode('it\\'s'))", "it\\'s"),
        ("States.Format('a\\{b{}', null)", "a{bnull"),
        ("States.JsonToString(States.StringToJson('[1.5]'))", "[1.5]"),
        ("States.MathRandom(3, 4)", 3),
        ("States.Hash('a', 'MD5')", "0cc175b9c0f1b6a831c399e269772661"),
    ],
)
def test_intrinsic_functions(call, value):
    assert intrinsics.evaluate(intrinsics.parse(call), lambda _path: None) == value


@pytest.mark.parametrize(
    "call",
    [
        "States.ArrayRange(1, 5000, 1)", "States.ArrayGetItem(States.Array(1), 1)",
        "States.Hash('a', 'CRC')", "States.JsonMerge(1, 2, false)", "States.Format('{}')",
        "States.MathAdd(1.5, 1)", "States.ArrayPartition(States.Array(1), 0)",
    ],
)  # fmt: skip
def test_arguments_that_a_function_does_not_take(call):
    with pytest.raises(StateError) as failed:
        intrinsics.evaluate(intrinsics.parse(call), lambda _path: None)
    assert failed.value.error == "States.IntrinsicFailure"


@pytest.mark.parametrize(
    "call", ["States.Nothing()", "States.Array(1", "States.Array(1 2)", "States.Array(1) x"]
)
def test_calls_that_are_none(call):
    with pytest.raises(ValueError):
        intrinsics.parse(call)


@pytest.mark.parametrize(
    ("error", "names", "matched"),
    [
        ("Glue.X", ["States.ALL"], True),
        ("Glue.X", ["States.TaskFailed"], True),
        ("States.Timeout", ["States.TaskFailed"], False),
        ("States.Timeout", ["States.HeartbeatTimeout"], True),
        ("States.Runtime", ["States.ALL"], False),
        ("States.DataLimitExceeded", ["States.ALL"], True),
        ("States.DataLimitExceeded", ["States.DataLimitExceeded"], True),
    ],
)
def test_which_errors_a_catcher_matches(error, names, matched):
    alias = "States.HeartbeatTimeout" if error == "States.Timeout" else ""
    assert is_matched(StateError(error, alias=alias), names) is matched


def test_retries_wait_longer_each_time_up_to_their_limit():
    retrier = {"IntervalSeconds": 2, "BackoffRate": 3, "MaxDelaySeconds": 10}
    assert [delay(retrier, retried) for retried in range(3)] == [2, 6, 10]
    jittered = {delay({**retrier, "JitterStrategy": "FULL"}, 1) for _ in range(20)}
    assert len(jittered) > 1
    assert max(jittered) <= 6
