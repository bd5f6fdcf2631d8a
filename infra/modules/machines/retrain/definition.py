"""The state machine of retraining, in Amazon States Language.

Steps: settings, lock, champion, prepare, hold out, train, predict, judge, register. A workload
supplies prepare, hold out and judge (`Fragments`); the others are the same for every workload.

Job names start with the run's name. A resumed run reuses completed jobs and runs the others under
new names, so no work is repeated. Every failure leads to `endings.failure`. The query language is
JSONata; states pass their results on as variables.
"""

from __future__ import annotations

from infra.modules.machines import endings, lock
from infra.modules.machines.retrain.inputs import Fragments, RetrainInputs
from infra.modules.machines.retrain.registration import approval, registration
from infra.modules.machines.retrain.run_jobs import find_or_run, predict, train
from infra.modules.machines.retrain.start import champion, settings
from infra.modules.machines.states_language import (
    EXECUTION,
    Machine,
    State,
    assignment,
    choice,
    expression,
    machine,
)

LOCK_HOURS = 7 * 24
"""Hours after which the lock expires; longer than any run takes."""


def definition(inputs: RetrainInputs, fragments: Fragments) -> Machine:
    """Returns the machine.

    Its input is an object with optional members: ``algorithm``, ``hyperparameters`` (which override
    the settings'), ``window`` with ``start`` and ``end`` of arrival, ``etl`` (false skips the data
    preparation), ``commit``, ``reason``, ``resume`` with the name of a failed run.
    """
    prepare = fragments.prepare(fragments.hold_out.state)
    states = {
        **settings(inputs, then="Lock"),
        **lock.acquire(
            inputs.names,
            inputs.names.retrain_machine,
            hours=LOCK_HOURS,
            then="Find champion version",
            error="RetrainingUnderWay",
        ),
        **champion(inputs, then="Find hold out"),
        **find_or_run(
            inputs, fragments.hold_out, otherwise="Is the ETL requested", then="Find train"
        ),
        "Is the ETL requested": choice(fragments.hold_out.state, ("$etl", prepare.start)),
        **prepare.states,
        **train(inputs, fragments, then="Predict"),
        **predict(inputs, fragments, then="Find judge"),
        **find_or_run(inputs, fragments.judge, otherwise=fragments.judge.state, then="Register"),
        **registration(inputs, fragments, then="Unlock"),
        **_end(inputs),
        **_failure(inputs),
    }
    return machine(
        "Trains a new version of the model on the lake's data and evaluates it",
        "Settings",
        states,
    )


def _end(inputs: RetrainInputs) -> dict[str, State]:
    result = (
        "$merge([$verdict, {'run': $run, 'package': $package, "
        f"'approval': {approval(inputs)}, 'report': $place & 'report/'}}])"
    )
    return {
        "Unlock": lock.release(inputs.names, inputs.names.retrain_machine, then="Done"),
        "Done": assignment(None, output=expression(result)),
    }


def _failure(inputs: RetrainInputs) -> dict[str, State]:
    resume = f"make retrain ENV={inputs.names.environment} RESUME="
    return endings.failure(
        inputs.names,
        subject=f"'{inputs.names.retrain_machine} failed at ' & $step",
        message=[
            f"'Run ' & $run & ' of {inputs.names.retrain_machine} failed at the step '"
            " & $step & '.'",
            "'Why: ' & $why",
            "'Log: ' & $log",
            "'The model in service is unchanged.'",
            f"'When the cause is fixed, run: {resume}' & $run & ' (it reuses completed jobs).'",
            f"'What to do: docs/runbooks/models.md. Execution: ' & {EXECUTION}.Id",
        ],
        error="RetrainingFailed",
        cause=(
            "'run ' & $run & ' failed at the step ' & $step & ': ' & $why & ' (log: ' & $log & "
            f"'); when the cause is fixed, run: {resume}' & $run"
        ),
        unlock=inputs.names.retrain_machine,
    )
