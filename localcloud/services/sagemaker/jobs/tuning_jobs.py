"""Serves Create-, Describe-, List- and StopHyperParameterTuningJob.

Optuna chooses the hyperparameters, in place of SageMaker's own optimiser; the training jobs are
ordinary ones.
"""

from __future__ import annotations

from typing import Any

from localcloud.cloud.store import Record
from localcloud.services.sagemaker.jobs.jobs import Family, Jobs
from localcloud.services.sagemaker.jobs.search_space import search_space, study
from localcloud.services.sagemaker.jobs.training_jobs import TrainingJobs
from localcloud.services.sagemaker.jobs.tuning_run import TuningRun, counters, summary
from localcloud.services.sagemaker.listing import Order, page
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.refusals import validation

FAMILY = Family(
    "HyperParameterTuning",
    ("HyperParameterTuningJobConfig", "TrainingJobDefinition"),
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListHyperParameterTuningJobs.html
    Order("HyperParameterTuningJobName", "HyperParameterTuningJobStatus", sort_by="Name"),
)
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListTrainingJobsForHyperParameterTuningJob.html
_CHILDREN = Order("TrainingJobName", "TrainingJobStatus", sort_by="Name")


class TuningJobs:
    """Operations on tuning jobs."""

    def __init__(self, parts: Parts, training: TrainingJobs) -> None:
        self._parts = parts
        self._training = training
        self.jobs = Jobs(FAMILY, parts, parts.settings.concurrent_tuning_jobs)

    def create_hyper_parameter_tuning_job(self, request: dict[str, Any]) -> dict[str, Any]:
        _check_supported(request)
        configuration = request["HyperParameterTuningJobConfig"]
        space = search_space(configuration.get("ParameterRanges", {}))
        trials = study(configuration, space)
        role = self._parts.account.assume(request["TrainingJobDefinition"]["RoleArn"])
        return self.jobs.create(
            request,
            {},
            lambda name: TuningRun(
                name,
                role,
                self._parts,
                self.jobs.slots,
                training=self._training,
                trials=trials,
                space=space,
            ),
        )

    def describe_hyper_parameter_tuning_job(self, request: dict[str, Any]) -> dict[str, Any]:
        job = self.jobs.describe(request)
        children = self._children(job)
        described = {**job, **counters(children)}
        succeeded = [one for one in children if one["ObjectiveStatus"] == "Succeeded"]
        if succeeded:
            objective = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
            best = max if objective["Type"] == "Maximize" else min
            described["BestTrainingJob"] = best(succeeded, key=_value)
        return described

    def list_hyper_parameter_tuning_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        listed = self.jobs.list(request)
        for one in listed["HyperParameterTuningJobSummaries"]:
            job = self.jobs.describe(one)
            configuration = job["HyperParameterTuningJobConfig"]
            members = {key: configuration[key] for key in ("Strategy", "ResourceLimits")}
            one.update(members, **counters(self._children(job)))
        return listed

    def list_training_jobs_for_hyper_parameter_tuning_job(
        self, request: dict[str, Any]
    ) -> dict[str, Any]:
        children = self._children(self.jobs.describe(request))
        if request.get("SortBy") == "FinalObjectiveMetricValue":
            children = [one for one in children if one["ObjectiveStatus"] == "Succeeded"]
        found, following = page(children, request, _CHILDREN, FinalObjectiveMetricValue=_value)
        return {"TrainingJobSummaries": found, **following}

    def stop_hyper_parameter_tuning_job(self, request: dict[str, Any]) -> None:
        self.jobs.stop(request)

    def _children(self, job: Record) -> list[Record]:
        return [
            summary(job, one)
            for one in self._parts.store.all("training-job")
            if one.get("TuningJobArn") == job["HyperParameterTuningJobArn"]
        ]


def _value(one: Record) -> float:
    value: float = one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    return value


def _check_supported(request: dict[str, Any]) -> None:
    configuration = request["HyperParameterTuningJobConfig"]
    if "TrainingJobDefinition" not in request:
        raise validation("A tuning job needs a TrainingJobDefinition.")
    if "HyperParameterTuningJobObjective" not in configuration:
        raise validation("A tuning job needs a HyperParameterTuningJobObjective.")
    if "MaxNumberOfTrainingJobs" not in configuration["ResourceLimits"]:
        raise validation("ResourceLimits needs MaxNumberOfTrainingJobs.")
