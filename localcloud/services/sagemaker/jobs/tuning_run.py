"""Runs a tuning job: draws values, trains with them, reports the objective to the study."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import optuna

from localcloud.cloud.store import Record
from localcloud.services.sagemaker.account import Role
from localcloud.services.sagemaker.jobs.job_run import ABANDONED, JobRun, Outcome
from localcloud.services.sagemaker.jobs.search_space import Distribution
from localcloud.services.sagemaker.jobs.training_jobs import TrainingJobs
from localcloud.services.sagemaker.parts import Parts

POLL_SECONDS = 0.2
_ENDED = ("Completed", "Failed", "Stopped")
_SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "TrainingJobStatus",
    "FailureReason",
)


class TuningRun(JobRun):
    """A running tuning job.

    Parameters
    ----------
    training
        Operations on the training jobs.
    trials, space
        Study of the trials, and ranges of the hyperparameters.
    """

    def __init__(
        self,
        name: str,
        role: Role,
        parts: Parts,
        slots: threading.BoundedSemaphore,
        *,
        training: TrainingJobs,
        trials: optuna.Study,
        space: Mapping[str, Distribution],
    ) -> None:
        super().__init__("HyperParameterTuning", name, role, parts, slots)
        self._training = training
        self._trials = trials
        self._space = dict(space)

    def work(self, job: Record) -> Outcome:
        configuration = job["HyperParameterTuningJobConfig"]
        limits, progress = configuration["ResourceLimits"], Progress(configuration)
        left = limits["MaxNumberOfTrainingJobs"]
        running: dict[str, optuna.trial.Trial] = {}
        while left or running:
            while left and len(running) < limits["MaxParallelTrainingJobs"]:
                left -= 1
                trial = self._trials.ask(self._space)
                running[self._train(job, trial)] = trial
            if self.changed.wait(POLL_SECONDS):
                for name in running:
                    self._training.stop_if_running(name)
                return ("Failed", ABANDONED) if self.abandoned else ("Stopped", None)
            for name in [name for name in running if self._status(name) in _ENDED]:
                progress.add(self._report(job, running.pop(name), name))
            if progress.is_exhausted:
                left = 0  # running training jobs continue to their end
        if progress.best is None:
            return "Failed", "All training jobs failed; see their FailureReason."
        return "Completed", None

    def _train(self, job: Record, trial: optuna.trial.Trial) -> str:
        """Starts a training job with the trial's values and returns its name.

        It has the tuning job's tags:
        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html
        """
        definition = job["TrainingJobDefinition"]
        name = f"{self.name}-{trial.number + 1:03d}-{secrets.token_hex(4)}"
        values = {name: str(value) for name, value in trial.params.items()}
        request = {
            **{
                key: value
                for key, value in definition.items()
                if key not in ("DefinitionName", "StaticHyperParameters")
            },
            "TrainingJobName": name,
            "Tags": self.parts.tags.list_tags({"ResourceArn": job["HyperParameterTuningJobArn"]})[
                "Tags"
            ],
            "HyperParameters": {**definition.get("StaticHyperParameters", {}), **values},
        }
        tuned = {
            "TuningJobArn": job["HyperParameterTuningJobArn"],
            "TunedHyperParameters": values,
        }
        self._training.create_training_job(request, tuned)
        return name

    def _status(self, name: str) -> str:
        job = self.parts.store.get("training-job", name)
        return "Failed" if job is None else str(job["TrainingJobStatus"])

    def _report(self, job: Record, trial: optuna.trial.Trial, name: str) -> float | None:
        """Reports a trial's result to the study and returns the objective's value, if any."""
        child = self.parts.store.get("training-job", name)
        value = None if child is None else objective(job, child)
        if value is None:
            self._trials.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._trials.tell(trial, value)
        return value


class Progress:
    """Progress of the best objective; an improvement is at least 1 %, as in SageMaker.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BestObjectiveNotImproving.html
    """

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        criteria = configuration.get("TuningJobCompletionCriteria", {})
        self._limit = criteria.get("BestObjectiveNotImproving", {}).get(
            "MaxNumberOfTrainingJobsNotImproving"
        )
        minimize = configuration["HyperParameterTuningJobObjective"]["Type"] == "Minimize"
        self._sign = 1 if minimize else -1
        self._not_improving = 0
        self.best: float | None = None

    def add(self, value: float | None) -> None:
        """Adds the objective of a training job that ended, or None if it has none."""
        if value is not None and (
            self.best is None or self._sign * (self.best - value) >= 0.01 * abs(self.best)
        ):
            self.best, self._not_improving = value, 0
        else:
            self._not_improving += 1

    @property
    def is_exhausted(self) -> bool:
        return self._limit is not None and self._not_improving >= self._limit


def objective(job: Record, child: Record) -> float | None:
    """Returns the objective's final value; None if the training job has none."""
    metric = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
    if child["TrainingJobStatus"] != "Completed":
        return None
    found = [one for one in child.get("FinalMetricDataList", []) if one["MetricName"] == metric]
    return float(found[0]["Value"]) if found else None


def summary(job: Record, child: Record) -> Record:
    """Returns a training job's summary for its tuning job."""
    value = objective(job, child)
    goal = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    measured: dict[str, Any] = {}
    if value is not None:
        measured["FinalHyperParameterTuningJobObjectiveMetric"] = {**goal, "Value": value}
    status = "Pending"
    if child["TrainingJobStatus"] in _ENDED:
        status = "Failed" if value is None else "Succeeded"
    return {
        **{member: child[member] for member in _SUMMARY if member in child},
        "TunedHyperParameters": child["TunedHyperParameters"],
        "ObjectiveStatus": status,
        **measured,
    }


def counters(children: Sequence[Record]) -> dict[str, Any]:
    """Counts training jobs by status and by objective status."""
    states = Counter(one["TrainingJobStatus"] for one in children)
    objectives = Counter(one["ObjectiveStatus"] for one in children)
    return {
        "TrainingJobStatusCounters": {
            "Completed": states["Completed"],
            "InProgress": states["InProgress"] + states["Stopping"],
            "RetryableError": 0,
            "NonRetryableError": states["Failed"],
            "Stopped": states["Stopped"],
        },
        "ObjectiveStatusCounters": {
            name: objectives[name] for name in ("Succeeded", "Pending", "Failed")
        },
    }
