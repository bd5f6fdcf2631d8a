"""First states of retraining: merge the settings with the input, and find the champion."""

from __future__ import annotations

from contracts.lake.locations import EVALUATIONS
from contracts.models import naming
from contracts.models.algorithms import ALGORITHMS
from infra.modules.machines.retrain.inputs import RetrainInputs
from infra.modules.machines.states_language import (
    EXECUTION,
    State,
    assignment,
    choice,
    expression,
    task,
)
from infra.modules.machines.tasks.models import describe_version, newest_approved_version

_GIVEN = "$states.input"


def settings(inputs: RetrainInputs, *, then: str) -> dict[str, State]:
    """Returns the states that name the run and merge its settings; the input takes precedence."""
    now = f"$toMillis({EXECUTION}.StartTime)"
    days = inputs.retraining.arrival_days
    assigned = {
        "images": dict(inputs.images),
        "specifications": {
            algorithm: ALGORITHMS[algorithm].specification(image)
            for algorithm, image in inputs.images.items()
        },
        "settings": inputs.training.hyperparameters,
        "algorithm": _or_else("algorithm", f"'{inputs.training.algorithm}'"),
        "reason": _or_else("reason", "'by hand'"),
        "commit": _or_else("commit", "'unknown'"),
        "etl": _or_else("etl", "true"),
        "start": _or_else("window.start", f"$fromMillis({now} - {days} * 24 * 3600 * 1000)"),
        "end": _or_else("window.end", f"$fromMillis({now} + 3600 * 1000)"),
        "run": _or_else("resume", naming.run_in_jsonata()),
        # of this execution, so that jobs of a resumed run get new names
        "attempt": expression(naming.attempt_in_jsonata()),
    }
    return {
        "Settings": assignment("Algorithm", assigned, output=expression(_GIVEN)),
        "Algorithm": assignment(
            then,
            {
                "image": expression("$lookup($images, $algorithm)"),
                "hyperparameters": expression(
                    f"$merge([$lookup($settings, $algorithm), {_GIVEN}.hyperparameters])"
                ),
                "place": expression(f"'{EVALUATIONS.uri(inputs.names)}' & $run & '/'"),
            },
        ),
    }


def champion(inputs: RetrainInputs, *, then: str) -> dict[str, State]:
    """Returns the states that find the champion: the newest approved version."""
    found = "$states.result.ModelPackageSummaryList[0].ModelPackageArn"
    kept = "$states.result.CustomerMetadataProperties"
    return {
        "Find champion version": task(
            "Champion",
            newest_approved_version(inputs.names.model_package_group),
            assign={
                "champion": f"$exists({found}) ? {found} : ''",
                "champion_metadata": "{}",
            },
            then="Does a champion exist",
        ),
        "Does a champion exist": choice(then, ("$champion != ''", "Champion")),
        "Champion": task(
            "Champion",
            describe_version(inputs.names, inputs.names.model_package_group, "$champion"),
            # versions that were registered by other means may have no metadata
            assign={"champion_metadata": f"$exists({kept}) ? {kept} : {{}}"},
            then=then,
        ),
    }


def _or_else(member: str, otherwise: str) -> str:
    return expression(f"$exists({_GIVEN}.{member}) ? {_GIVEN}.{member} : {otherwise}")
