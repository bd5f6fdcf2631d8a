"""Jobs of a run: a completed job is reused, any other runs under a new name."""

from __future__ import annotations

from contracts.lake.locations import TRAINING_OUTPUT
from contracts.models import naming
from contracts.models.algorithms import ALGORITHMS
from contracts.models.requests import serving
from contracts.models.requests.parts import Instances
from contracts.models.requests.serving import of_artefact, of_version
from contracts.models.requests.training import TrainingJob, training_job
from contracts.models.requests.transform import TransformJob, transform_job
from contracts.names import job_log_group
from infra.modules.machines.endings import reason
from infra.modules.machines.retrain.inputs import Fragments, RetrainInputs, RunJob
from infra.modules.machines.states_language import (
    Part,
    State,
    assignment,
    choice,
    expression,
    parallel,
    task,
)
from infra.modules.machines.tasks import jobs
from infra.modules.machines.tasks.models import create_model, delete_model


def job_name(inputs: RetrainInputs, name: str) -> str:
    """Returns JSONata of the name of a job of this run and attempt."""
    return expression(naming.step_job_in_jsonata(inputs.names.retrain_jobs, name, "$attempt"))


def find_or_run(
    inputs: RetrainInputs,
    job: RunJob,
    *,
    otherwise: str,
    then: str,
    found: str = "",
    caught_outside: bool = False,
) -> dict[str, State]:
    """Returns the states ``Find <name>``, ``Is <name> done`` and the job's own.

    Parameters
    ----------
    otherwise
        Next state if no job has completed yet; it leads to the job.
    then, found
        State after the job; state after a completed job was found, if it differs.
    """
    newest = f"$states.result.{job.kind}JobSummaries[0]"
    words = job.name.replace("-", " ")
    is_there = f"found_{job.name.replace('-', '_')}"
    prefix = naming.step_prefix_in_jsonata(inputs.names.retrain_jobs, job.name)
    known = {
        name: f"$exists({newest}) ? {value.format(newest)} : ''"
        for name, value in job.result.items()
    }
    return {
        f"Find {words}": task(
            job.state,
            jobs.newest_completed(job.kind, prefix),
            assign={is_there: f"$exists({newest})", **known},
            then=f"Is {words} done",
            caught_outside=caught_outside,
        ),
        f"Is {words} done": choice(otherwise, (f"${is_there}", found or then)),
        job.state: task(
            job.state,
            jobs.run(inputs.names, job.kind, job.request, prefix=inputs.names.retrain_jobs),
            assign={name: value.format("$states.result") for name, value in job.result.items()},
            then=then,
            log=expression(f"'/aws/sagemaker/{job.kind}Jobs, streams ' & {prefix} & '…'"),
            caught_outside=caught_outside,
        ),
    }


def train(inputs: RetrainInputs, fragments: Fragments, *, then: str) -> dict[str, State]:
    """Returns the states that train the candidate on the training data."""
    settings = inputs.training
    # one request serves all algorithms, so the volume fits the largest
    volume_gb = max(one.volume_gb for one in ALGORITHMS.values())
    request = training_job(
        TrainingJob(
            name=job_name(inputs, "train"),
            algorithm=expression("$lookup($specifications, $algorithm)"),
            hyperparameters=expression("$hyperparameters"),
            channels={name: expression(uri) for name, uri in fragments.channels.items()},
            output=TRAINING_OUTPUT.uri(inputs.names),
        ),
        inputs.owner,
        Instances(settings.instance_type, volume_gb, settings.max_runtime_seconds),
    )
    job = RunJob("Train", "Training", "train", request, {"training_job": "{}.TrainingJobName"})
    return find_or_run(inputs, job, otherwise="Train", then=then)


def predict(inputs: RetrainInputs, fragments: Fragments, *, then: str) -> dict[str, State]:
    """Returns the states in which the candidate and, if there is one, the champion predict.

    A champion that fails, for example because its image is gone, must not block retraining: the
    candidate is then evaluated without it, and a person decides.
    """
    champion = _predictions(inputs, fragments, "champion")
    no_predictions = "No predictions champion"
    caught = {
        "ErrorEquals": ["States.ALL"],
        "Output": {
            "failure": expression(reason("$states.errorOutput.Cause", "$states.errorOutput.Error"))
        },
        "Next": no_predictions,
    }
    states = {
        "Is the champion comparable": choice(
            "Predictions champion", ("$held_out.champion != ''", champion.start)
        ),
        **{
            name: state.but(Catch=[caught]) if state.body["Type"] == "Task" else state
            for name, state in champion.states.items()
        },
        no_predictions: State({"Type": "Pass", "End": True}),
    }
    branches = [
        _predictions(inputs, fragments, "candidate"),
        Part("Is the champion comparable", states),
    ]
    return {
        "Predict": parallel(
            branches, step="Predict", log=job_log_group("Transform"), then="Predictions"
        ),
        "Predictions": assignment(
            then, {"champion_failure": expression("$states.input[1].failure")}
        ),
    }


def _predictions(inputs: RetrainInputs, fragments: Fragments, model: str) -> Part:
    """Returns the branch in which ``candidate`` or ``champion`` predicts the held-out values."""
    container = of_version(expression("$held_out.champion"))
    if model == "candidate":
        container = of_artefact(expression("$image"), expression(artefact(inputs)))
    model_name = expression(naming.step_model_in_jsonata(inputs.names.retrain_jobs, model))
    request = transform_job(
        TransformJob(
            name=job_name(inputs, model),
            model=model_name,
            source=expression(fragments.questions(model)),
            target=expression(f"$place & 'predictions/{model}/'"),
            environment=fragments.environment,
        ),
        inputs.owner,
        inputs.retraining.instance_type,
    )
    ask, make, remove = f"Predict {model}", f"Create model {model}", f"Delete model {model}"
    done = f"Predictions {model}"
    job = RunJob(ask, "Transform", model, request, {})
    create = create_model(
        inputs.names,
        inputs.names.model_package_group,
        serving.model(model_name, container, inputs.owner),
        prefix=inputs.names.retrain_jobs,
    )
    return Part(
        f"Find {model}",
        {
            **find_or_run(
                inputs, job, otherwise=make, then=remove, found=done, caught_outside=True
            ),
            make: task(ask, create, then=ask, caught_outside=True),
            # the registered version holds everything needed to make the model again
            remove: task(
                ask,
                delete_model(inputs.names, model_name, prefix=inputs.names.retrain_jobs),
                then=done,
                caught_outside=True,
            ),
            done: assignment(None, output={"failure": ""}),
        },
    )


def artefact(inputs: RetrainInputs) -> str:
    """Returns JSONata of the S3 URI of the candidate's model artefact."""
    return f"'{TRAINING_OUTPUT.uri(inputs.names)}' & $training_job & '/output/model.tar.gz'"
