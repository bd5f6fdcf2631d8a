"""Hyperparameter tuning jobs: requests to SageMaker and their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from contracts.models import naming
from contracts.models.algorithms import ALGORITHMS
from contracts.models.requests.training import TrainingJob
from contracts.models.requests.tuning import tuning_job
from contracts.names import Names
from contracts.settings.schema import Settings
from forecasting.errors import ForecastingError, message_of
from forecasting.jobs import training, tuning_channels
from forecasting.jobs.images import training_image
from forecasting.jobs.search_settings import Search
from forecasting.polling import final_state

FINAL = ("Completed", "Failed", "Stopped", "DeleteFailed")


@dataclass(frozen=True)
class Trial:
    """One training of a tuning job.

    Parameters
    ----------
    objective
        Value of the objective; None if the training is still running or failed.
        values
            Values of the tuned hyperparameters.
    """

    job: str
    status: str
    objective: float | None
    values: Mapping[str, str]


@dataclass(frozen=True)
class TuningState:
    """The state of a tuning job, with its trials, best first."""

    job: str
    status: str
    failure: str
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """Returns the best trial so far; None if none was measured."""
        return self.trials[0] if self.trials and self.trials[0].objective is not None else None

    @property
    def ended(self) -> int:
        return sum(one.status in training.FINAL for one in self.trials)


def job_name(names: Names, now: datetime) -> str:
    """Returns a unique name for a job."""
    return naming.tuning_job(names, now)


def request(
    names: Names, settings: Settings, search: Search, *, algorithm: str, name: str, image: str
) -> dict[str, Any]:
    """Builds the arguments of ``CreateHyperParameterTuningJob``."""
    job = TrainingJob(
        name=name,
        algorithm=ALGORITHMS[algorithm].specification(image),
        hyperparameters=settings.of(names.workload).training.hyperparameters[algorithm],
        channels={
            channel: tuning_channels.channel_uri(names, name, channel)
            for channel in training.CHANNEL_NAMES
        },
        # the trials' models are trained on scaled values; no model is deployed from this folder
        output=tuning_channels.channel_uri(names, name, "trials"),
    )
    return tuning_job(
        job,
        search,
        search.ranges,
        training.owner(names, settings),
        training.instances(settings, algorithm),
    )


def start(
    session: Any, names: Names, settings: Settings, search: Search, *, algorithm: str, name: str
) -> None:
    """Starts a tuning job on the channels that `tuning_channels.run` wrote.

    Raises
    ------
    ForecastingError
        SageMaker refuses the job.
    """
    image = training_image(names, algorithm)
    wanted = request(names, settings, search, algorithm=algorithm, name=name, image=image)
    training.accepted(session.client("sagemaker").create_hyper_parameter_tuning_job, **wanted)


def describe(session: Any, name: str) -> TuningState:
    """Returns the state of a job with all its trials.

    Raises
    ------
    ForecastingError
        The job does not exist.
    """
    sagemaker = session.client("sagemaker")
    try:
        job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    except ClientError as error:
        raise ForecastingError(f"tuning job {name}: {message_of(error)}") from None
    goal = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"]
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=name
    )
    trials = [_trial(one) for page in pages for one in page["TrainingJobSummaries"]]
    sign = 1 if goal == "Minimize" else -1
    measured = sorted(
        (one for one in trials if one.objective is not None),
        key=lambda one: sign * (one.objective or 0.0),
    )
    others = [one for one in trials if one.objective is None]
    return TuningState(
        job=name,
        status=job["HyperParameterTuningJobStatus"],
        failure=job.get("FailureReason", ""),
        trials=(*measured, *others),
    )


def wait(
    session: Any, name: str, report: Callable[[TuningState], None] = lambda _: None
) -> TuningState:
    """Reports the job's state until it is final, and returns the final state.

    Raises
    ------
    ForecastingError
        The job failed; the message has its reason and that of the first failed trial.
    """
    state = final_state(
        lambda: describe(session, name),
        lambda now: now.status in FINAL,
        report,
        left=f"{name} goes on by itself; make tune JOB={name} waits for it again "
        "(and stops it with STOP=1)",
    )
    if state.status == "Failed":
        reason = state.failure or "no reason was given"
        failed = next((one.job for one in state.trials if one.status == "Failed"), None)
        if failed:
            job = session.client("sagemaker").describe_training_job(TrainingJobName=failed)
            reason += f" First of {failed}: {job.get('FailureReason', 'not told')}"
        raise ForecastingError(f"tuning job {name} failed: {reason} (log: {training.LOG_GROUP})")
    return state


def stop(session: Any, name: str) -> None:
    """Stops the job and its trials, in any state."""
    sagemaker = session.client("sagemaker")
    for ask, job in (
        (sagemaker.stop_processing_job, {"ProcessingJobName": name}),
        (sagemaker.stop_hyper_parameter_tuning_job, {"HyperParameterTuningJobName": name}),
    ):
        try:
            ask(**job)
        except ClientError as error:  # the job has ended or was never started
            if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
                raise


def _trial(summary: Mapping[str, Any]) -> Trial:
    metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric", {})
    return Trial(
        job=summary["TrainingJobName"],
        status=summary["TrainingJobStatus"],
        objective=metric.get("Value"),
        values=summary.get("TunedHyperParameters", {}),
    )
