"""The SageMaker jobs of the state machine ``retrain``, each looked for before it is started."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.lake.locations import CHANNELS, TRAINING_OUTPUT
from contracts.models import naming
from contracts.models.forecast_input import QUANTILES
from contracts.models.requests import serving
from contracts.models.requests.parts import Instances, Owner
from contracts.models.requests.serving import of_artefact, of_version
from contracts.models.requests.training import TrainingJob, training_job
from contracts.models.requests.transform import TransformJob, transform_job
from contracts.names import Names
from infra.modules.machines import sagemaker_tasks
from infra.modules.machines.sagemaker_tasks import Request
from infra.modules.machines.states_language import State, choice, expression, task
from infra.settings import Retraining, Training

_VOLUME_GB = 50
_SAMPLES = 200
_LEVELS = sorted({*QUANTILES, "0.025", "0.25", "0.75", "0.975"}, key=float)
"""What is published, and the bounds of the bands that are judged."""


@dataclass(frozen=True)
class RetrainInputs:
    """What is trained on, with and by what.

    Parameters
    ----------
    images
        Training image of each algorithm.
    tags
        Of the jobs.
    instance_type
        Of the endpoint's instances.
    """

    names: Names
    training: Training
    retraining: Retraining
    images: Mapping[str, str]
    tags: Mapping[str, str]
    instance_type: str

    @property
    def owner(self) -> Owner:
        """Role, key and tags of the jobs and models."""
        return Owner.of(self.names, self.tags)


def origins(inputs: RetrainInputs, *, otherwise: str, then: str) -> dict[str, State]:
    """What is trained on and forecast from; ``otherwise`` leads to ``Origins`` in the end."""
    channels = CHANNELS.uri(inputs.names)
    request = _processing(
        inputs,
        "origins",
        (
            *("--origins", str(inputs.retraining.origins)),
            *("--package", expression("$champion")),
            *("--data-end", expression("$champion_data_end")),
        ),
        {
            "series": f"{channels}test/",
            "categories": f"{channels}categories.json",
            "champion": expression("$champion_categories"),
        },
        {"out": expression("$place & 'origins/'")},
    )
    known = {"origins": "$parse({}.ExitMessage)"}
    return _job(inputs, _Job("Origins", "Processing", "origins", otherwise, then, known), request)


def training(inputs: RetrainInputs, *, then: str) -> dict[str, State]:
    """The candidate, on what lies before the first origin."""
    settings = inputs.training
    wanted = TrainingJob(
        name=_job_name(inputs.names, "train"),
        algorithm=expression("$lookup($specifications, $algorithm)"),
        hyperparameters=expression("$hyperparameters"),
        channels={"train": expression("$place & 'origins/train/'")},
        output=TRAINING_OUTPUT.uri(inputs.names),
    )
    instances = Instances(settings.instance_type, _VOLUME_GB, settings.max_runtime_seconds)
    arguments = training_job(wanted, inputs.owner, instances)
    job = _Job("Train", "Training", "train", "Train", then, {"training_job": "{}.TrainingJobName"})
    return _job(inputs, job, ("sagemaker:createTrainingJob.sync", arguments))


def transform(inputs: RetrainInputs, model: str) -> State:
    """A branch that has ``candidate`` or ``champion`` forecast from every origin."""
    names = inputs.names
    container = of_version(expression("$origins.champion"))
    if model == "candidate":
        artefact = f"'{TRAINING_OUTPUT.uri(names)}' & $training_job & '/output/model.tar.gz'"
        container = of_artefact(expression("$image"), expression(artefact))
    model_name = expression(naming.step_model_in_jsonata(names.retrain_machine, model))
    answers = {"num_samples": _SAMPLES, "output_types": ["quantiles"], "quantiles": _LEVELS}
    wanted = TransformJob(
        name=_job_name(names, model),
        model=model_name,
        source=expression(f"$place & 'origins/judged/{model}/'"),
        target=expression(f"$place & 'forecasts/{model}/'"),
        environment={"DEEPAR_INFERENCE_CONFIG": json.dumps(answers)},
    )
    request = (
        "sagemaker:createTransformJob.sync",
        transform_job(wanted, inputs.owner, inputs.retraining.instance_type),
    )
    make = serving.model(model_name, container, inputs.owner)
    forecast, remove, done = f"Forecast {model}", f"Remove model {model}", f"Forecasts {model}"
    job = _Job(forecast, "Transform", model, f"Make model {model}", remove, {}, found=done)
    return {
        "StartAt": f"Find {model}",
        "States": {
            **_job(inputs, job, request, caught_outside=True),
            f"Make model {model}": task(
                forecast, "sagemaker:createModel", make, then=forecast, caught_outside=True
            ),
            # a version in the registry holds all that its model is made of
            remove: task(
                forecast,
                "aws-sdk:sagemaker:deleteModel",
                {"ModelName": model_name},
                then=done,
                caught_outside=True,
            ),
            done: {"Type": "Pass", "Output": {"failure": ""}, "End": True},
        },
    }


def judging(inputs: RetrainInputs, *, then: str) -> dict[str, State]:
    """The verdict, with its figures and its report."""
    limits = inputs.retraining
    request = _processing(
        inputs,
        "judge",
        (
            *("--most-loss-over-champion", str(limits.most_loss_over_champion)),
            *("--least-coverage-80", str(limits.least_coverage_80)),
            *("--most-coverage-80", str(limits.most_coverage_80)),
            "--champion-failure",
            # an argument has at most 256 characters
            expression("$substring($replace($champion_failure, /\\s+/, ' '), 0, 240)"),
        ),
        {
            "judged": expression("$place & 'origins/judged/'"),
            "forecasts": expression("$place & 'forecasts/'"),
        },
        {"out": expression("$place & 'report/'")},
    )
    known = {"verdict": "$parse({}.ExitMessage)"}
    return _job(inputs, _Job("Judge", "Processing", "judge", "Judge", then, known), request)


@dataclass(frozen=True)
class _Job:
    """A job of a run.

    Parameters
    ----------
    state
        That starts it.
    family
        ``Processing``, ``Training`` or ``Transform``.
    name
        What it is called within the run.
    otherwise
        State where none has completed yet.
    then, found
        State after it; after finding one that has completed, where that is another.
    result
        Variables by JSONata expressions, in which ``{}`` stands for the job.
    """

    state: str
    family: str
    name: str
    otherwise: str
    then: str
    result: Mapping[str, str]
    found: str = ""

    @property
    def log(self) -> str:
        return f"/aws/sagemaker/{self.family}Jobs"


def _job(
    inputs: RetrainInputs, job: _Job, request: Request, *, caught_outside: bool = False
) -> dict[str, State]:
    """Take the job of this run that has completed, or start one and wait for its end."""
    newest = f"$states.result.{job.family}JobSummaries[0]"
    is_there = f"found_{job.name}"
    known = {
        name: f"$exists({newest}) ? {value.format(newest)} : ''"
        for name, value in job.result.items()
    }
    return {
        f"Find {job.name}": task(
            job.state,
            f"aws-sdk:sagemaker:list{job.family}Jobs",
            {
                "NameContains": expression(_prefix(inputs.names, job.name)),
                "StatusEquals": "Completed",
                "SortBy": "CreationTime",
                "SortOrder": "Descending",
                "MaxResults": 1,
            },
            assign={is_there: f"$exists({newest})", **known},
            then=f"Is {job.name} done",
            caught_outside=caught_outside,
        ),
        f"Is {job.name} done": choice(job.otherwise, (f"${is_there}", job.found or job.then)),
        job.state: task(
            job.state,
            *request,
            assign={name: value.format("$states.result") for name, value in job.result.items()},
            then=job.then,
            log=expression(f"'{job.log}, streams ' & {_prefix(inputs.names, job.name)} & '…'"),
            caught_outside=caught_outside,
        ),
    }


def _processing(
    inputs: RetrainInputs,
    command: str,
    options: Sequence[str],
    sources: Mapping[str, str],
    outputs: Mapping[str, str],
) -> Request:
    return sagemaker_tasks.processing(
        inputs.names,
        name=_job_name(inputs.names, command),
        role="sagemaker",
        instance_type=inputs.retraining.instance_type,
        arguments=(command, *options),
        inputs=sources,
        outputs=outputs,
        tags=inputs.tags,
        max_runtime_seconds=inputs.training.max_runtime_seconds,
    )


def _prefix(names: Names, name: str) -> str:
    return naming.step_prefix_in_jsonata(names.retrain_machine, name)


def _job_name(names: Names, name: str) -> str:
    return expression(naming.step_job_in_jsonata(names.retrain_machine, name, "$attempt"))
