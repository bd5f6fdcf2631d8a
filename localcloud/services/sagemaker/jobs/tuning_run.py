"""One tuning job on its way: ask for values, train with them, tell how good they were."""

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
    """A tuning job on its way.

    Parameters
    ----------
    training
        Makes and stops the training jobs.
    trials, space
        What has been tried, and what may be.
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
                progress.note(self._tell(job, running.pop(name), name))
            if progress.has_ended:
                left = 0  # what is under way may end
        if progress.best is None:
            return "Failed", "All training jobs failed; see their FailureReason."
        return "Completed", None

    def _train(self, job: Record, trial: optuna.trial.Trial) -> str:
        """Start a training job with the trial's values; its name."""
        definition = job["TrainingJobDefinition"]
        name = f"{self.name}-{trial.number + 1:03d}-{secrets.token_hex(4)}"
        values = {name: str(value) for name, value in trial.params.items()}
        request = {
            **{key: value for key, value in definition.items() if key not in _OF_TUNING},
            "TrainingJobName": name,
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

    def _tell(self, job: Record, trial: optuna.trial.Trial, name: str) -> float | None:
        """Tell the study what came of a trial; the objective's value, if it has one."""
        child = self.parts.store.get("training-job", name)
        value = None if child is None else objective(job, child)
        if value is None:
            self._trials.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._trials.tell(trial, value)
        return value


class Progress:
    """Whether training jobs still get better: by a hundredth at least, as SageMaker counts.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_BestObjectiveNotImproving.html
    """

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        criteria = configuration.get("TuningJobCompletionCriteria", {})
        self._limit = criteria.get("BestObjectiveNotImproving", {}).get(
            "MaxNumberOfTrainingJobsNotImproving"
        )
        minimize = configuration["HyperParameterTuningJobObjective"]["Type"] == "Minimize"
        self._sign = 1 if minimize else -1
        self._without = 0
        self.best: float | None = None

    def note(self, value: float | None) -> None:
        """A training job has ended, with a value of the objective or without."""
        if value is not None and (
            self.best is None or self._sign * (self.best - value) >= 0.01 * abs(self.best)
        ):
            self.best, self._without = value, 0
        else:
            self._without += 1

    @property
    def has_ended(self) -> bool:
        return self._limit is not None and self._without >= self._limit


_OF_TUNING = (
    "DefinitionName",
    "TuningObjective",
    "HyperParameterRanges",
    "StaticHyperParameters",
    "HyperParameterTuningResourceConfig",
)


def objective(job: Record, child: Record) -> float | None:
    """The objective's final value; None where the training job has none."""
    wanted = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
    if child["TrainingJobStatus"] != "Completed":
        return None
    found = [one for one in child.get("FinalMetricDataList", []) if one["MetricName"] == wanted]
    return float(found[0]["Value"]) if found else None


def summary(job: Record, child: Record) -> Record:
    """A training job as its tuning job lists it."""
    value = objective(job, child)
    wanted = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    measured: dict[str, Any] = {}
    if value is not None:
        measured["FinalHyperParameterTuningJobObjectiveMetric"] = {**wanted, "Value": value}
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
    """How many training jobs there are in which state."""
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
