"""How an execution of the state machine ``retrain`` begins: its settings, and the lock."""

from __future__ import annotations

from contracts.lake.locations import EVALUATIONS
from contracts.models import naming
from contracts.models.training_metrics import algorithm_specification
from contracts.names import Names
from infra.modules.machines.lock_tasks import TAKEN, take
from infra.modules.machines.retrain.jobs import RetrainInputs
from infra.modules.machines.states_language import State, choice, expression, task

LOCK_HOURS = 7 * 24
"""No run takes so long: then the lock is of no effect, whatever its execution does."""


def begin(inputs: RetrainInputs) -> dict[str, State]:
    """What the run is called, and what it is to do: the settings, under what the input says."""
    execution = "$states.context.Execution"
    now = f"$toMillis({execution}.StartTime)"
    days = inputs.retraining.arrival_days
    given = "$states.input"

    def or_else(member: str, otherwise: str) -> str:
        return expression(f"$exists({given}.{member}) ? {given}.{member} : {otherwise}")

    return {
        "Settings": {
            "Type": "Pass",
            "Comment": "What the settings say, where the input says nothing else",
            "Assign": {
                "images": dict(inputs.images),
                "specifications": {
                    algorithm: algorithm_specification(algorithm, image)
                    for algorithm, image in inputs.images.items()
                },
                "settings": {
                    "boosting": inputs.training.boosting,
                    "deepar": inputs.training.deepar,
                },
                "algorithm": or_else("algorithm", f"'{inputs.training.algorithm}'"),
                "reason": or_else("reason", "'by hand'"),
                "commit": or_else("commit", "'unknown'"),
                "etl": or_else("etl", "true"),
                "start": or_else("window.start", f"$fromMillis({now} - {days} * 24 * 3600 * 1000)"),
                "end": or_else("window.end", f"$fromMillis({now} + 3600 * 1000)"),
                "run": or_else("resume", naming.run_in_jsonata()),
                # of this execution, so that what a resumed run does again has another name
                "attempt": expression(naming.attempt_in_jsonata()),
            },
            "Output": expression(given),
            "Next": "Algorithm",
        },
        "Algorithm": {
            "Type": "Pass",
            "Assign": {
                "image": expression("$lookup($images, $algorithm)"),
                "hyperparameters": expression(
                    f"$merge([$lookup($settings, $algorithm), {given}.hyperparameters])"
                ),
                "place": expression(f"'{EVALUATIONS.uri(inputs.names)}' & $run & '/'"),
            },
            "Output": {},
            "Next": "Lock",
        },
    }


def lock(names: Names, *, then: str) -> dict[str, State]:
    """One execution at a time. A lock whose execution has ended without releasing it goes."""
    what = names.retrain_machine
    key = {"TableName": names.locks_table, "Key": {"name": {"S": what}}}
    item = "$states.result.Item"
    return {
        "Lock": take(names, what, hours=LOCK_HOURS, then=then, busy="Who holds it"),
        "Who holds it": task(
            "Lock",
            "dynamodb:getItem",
            {**key, "ConsistentRead": True},
            assign={"holder": f"$exists({item}) ? {item}.execution.S : ''"},
            then="Is it free by now",
        ),
        "Is it free by now": choice("The holder", ("$holder = ''", "Lock")),
        "The holder": task(
            "Lock",
            "aws-sdk:sfn:describeExecution",
            {"ExecutionArn": expression("$holder")},
            assign={"holding": "$states.result.Status"},
            then="Does the holder run",
            catch={"Sfn.ExecutionDoesNotExistException": "Remove its lock"},
        ),
        "Does the holder run": choice("Remove its lock", ("$holding = 'RUNNING'", "Busy")),
        "Remove its lock": task(
            "Lock",
            "dynamodb:deleteItem",
            {
                **key,
                "ConditionExpression": "execution = :holder",
                "ExpressionAttributeValues": {":holder": {"S": expression("$holder")}},
            },
            then="Lock",
            catch={TAKEN: "Lock"},
        ),
        "Busy": {
            "Type": "Fail",
            "Error": "RetrainingUnderWay",
            "Cause": expression("'one run at a time; this one is under way: ' & $holder"),
        },
    }
