"""Reads training and tuning jobs as runs: parameters, metrics, artefacts and lineage.

Runs are only read from SageMaker's jobs, their logs and the registry. They therefore include all
jobs, started by hand, by tuning or by retraining.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from contracts.models.algorithms import of_repository
from contracts.names import Names
from forecasting.jobs.job_metrics import Measurement, lines, measurements, number
from forecasting.releases.registry import Version

STATUS = {"Completed": "FINISHED", "Failed": "FAILED", "Stopped": "KILLED"}
"""MLflow's status for a job's final status; all others are ``RUNNING``."""

RUNNING = "RUNNING"


@dataclass(frozen=True)
class Run:
    """A job as a run of an experiment.

    Parameters
    ----------
    job
        Name of the job and of the run.
    status
        MLflow's status.
    started, ended
        Milliseconds since 1970; None for the end of a running job.
    channels
        URIs of the input channels, by name.
    parent
        Tuning job of a trial.
    """

    job: str
    status: str
    started: int
    ended: int | None
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    measurements: Sequence[Measurement] = ()
    channels: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None


def training_jobs(session: Any, names: Names, done: Iterable[str] = ()) -> Iterator[Run]:
    """Yield runs of the environment's training jobs, the oldest first.

    Parameters
    ----------
    done
        Jobs to skip because their runs are complete.
    """
    sagemaker, logs = session.client("sagemaker"), session.client("logs")
    for name in _listed(sagemaker, "list_training_jobs", "TrainingJob", names, done):
        job = sagemaker.describe_training_job(TrainingJobName=name)
        tags = sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
        run = _training_run(job, {one["Key"]: one["Value"] for one in tags})
        definitions = job["AlgorithmSpecification"].get("MetricDefinitions", [])
        logged = measurements(lines(logs, name), definitions)
        yield replace(run, measurements=(*logged, *_final_metrics(job, logged)))


def tuning_jobs(session: Any, names: Names, done: Iterable[str] = ()) -> Iterator[Run]:
    """Yield runs of the environment's tuning jobs, the oldest first, without their trials."""
    sagemaker = session.client("sagemaker")
    listed = _listed(
        sagemaker, "list_hyper_parameter_tuning_jobs", "HyperParameterTuningJob", names, done
    )
    for name in listed:
        job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        pages = sagemaker.get_paginator(
            "list_training_jobs_for_hyper_parameter_tuning_job"
        ).paginate(HyperParameterTuningJobName=name)
        trials = [one for page in pages for one in page["TrainingJobSummaries"]]
        yield _tuning_run(job, trials)


def verdict(version: Version) -> tuple[dict[str, str], list[Measurement]]:
    """Return the gate's tags and metrics for a version's training job."""
    tags = {
        "version": str(version.number),
        "approval": version.status,
        "approval_reason": version.reason,
        "mlflow.source.git.commit": version.metadata.get("commit", ""),
    }
    gate = []
    for name, text in version.metadata.items():
        value = number(text)
        if value is None:
            tags[f"gate.{name}"] = text
        else:
            gate.append(Measurement(f"gate:{name}", value, 0, _millis(version.created)))
    return {name: text for name, text in tags.items() if text}, gate


def _training_run(job: Mapping[str, Any], tags: Mapping[str, str]) -> Run:
    image = job["AlgorithmSpecification"]["TrainingImage"]
    ended = job.get("TrainingEndTime")
    channels = {
        one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"]
        for one in job.get("InputDataConfig", [])
        if "S3DataSource" in one["DataSource"]
    }
    return Run(
        job=job["TrainingJobName"],
        status=STATUS.get(job["TrainingJobStatus"], RUNNING),
        started=_millis(job["CreationTime"]),
        ended=_millis(ended) if ended else None,
        parameters={
            **job.get("HyperParameters", {}),
            "algorithm": _algorithm(image),
            "instance_type": job["ResourceConfig"]["InstanceType"],
        },
        tags={
            **_common_tags(job, "training", "TrainingJob", image),
            "model_artifacts": job["ModelArtifacts"]["S3ModelArtifacts"],
            **{f"channel.{name}": uri for name, uri in channels.items()},
            **{f"tag.{name}": value for name, value in tags.items()},
        },
        channels=channels,
        parent=job["TuningJobArn"].rpartition("/")[2] if "TuningJobArn" in job else None,
    )


def _tuning_run(job: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> Run:
    configuration, definition = job["HyperParameterTuningJobConfig"], job["TrainingJobDefinition"]
    objective = configuration["HyperParameterTuningJobObjective"]
    ended = job.get("HyperParameterTuningEndTime")
    ranges = {
        f"range.{one['Name']}": "{MinValue} to {MaxValue}".format(**one)
        if "MinValue" in one
        else ", ".join(one["Values"])
        for kind in configuration["ParameterRanges"].values()
        for one in kind
    }
    best = job.get("BestTrainingJob", {}).get("TrainingJobName")
    return Run(
        job=job["HyperParameterTuningJobName"],
        status=STATUS.get(job["HyperParameterTuningJobStatus"], RUNNING),
        started=_millis(job["CreationTime"]),
        ended=_millis(ended) if ended else None,
        parameters={
            **definition.get("StaticHyperParameters", {}),
            **ranges,
            "algorithm": _algorithm(definition["AlgorithmSpecification"]["TrainingImage"]),
            "objective": f"{objective['Type']} {objective['MetricName']}",
            "strategy": configuration["Strategy"],
            **{name: str(value) for name, value in configuration["ResourceLimits"].items()},
        },
        tags={
            **_common_tags(
                job,
                "tuning",
                "HyperParameterTuningJob",
                definition["AlgorithmSpecification"]["TrainingImage"],
            ),
            **({"best_training_job": best} if best else {}),
        },
        measurements=_found_by_trials(trials, objective),
    )


def _common_tags(job: Mapping[str, Any], kind: str, word: str, image: str) -> dict[str, str]:
    repository, _, tag = image.rpartition("/")[2].partition(":")
    found = {
        "kind": kind,
        "job_arn": job[f"{word}Arn"],
        "job_status": job[f"{word}Status"],
        "failure": job.get("FailureReason", ""),
        "image": image,
        "image_tag": tag,
        "mlflow.source.type": "JOB",
        "mlflow.source.name": repository,
    }
    return {name: text for name, text in found.items() if text}


def _algorithm(image: str) -> str:
    """Return the name of the image's algorithm, or the repository's name if it is unknown."""
    repository = image.rpartition("/")[2].partition(":")[0]
    found = of_repository(repository)
    return found.name if found else repository


def _found_by_trials(
    trials: Sequence[Mapping[str, Any]], objective: Mapping[str, str]
) -> list[Measurement]:
    """Return the objective of each trial in order of completion, and the best until then."""
    better = min if objective["Type"] == "Minimize" else max
    measured = [
        (
            _millis(one["TrainingEndTime"]),
            one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
        )
        for one in trials
        if "FinalHyperParameterTuningJobObjectiveMetric" in one and "TrainingEndTime" in one
    ]
    found: list[Measurement] = []
    best = None
    for step, (at, value) in enumerate(sorted(measured)):
        best = value if best is None else better(best, value)
        found.append(Measurement(objective["MetricName"], value, step, at))
        found.append(Measurement(f"best {objective['MetricName']}", best, step, at))
    return found


def _final_metrics(job: Mapping[str, Any], logged: Iterable[Measurement]) -> list[Measurement]:
    """Return metrics from the job's description: those without a log, and its durations."""
    known = {one.metric for one in logged}
    found = [
        Measurement(one["MetricName"], one["Value"], 0, _millis(one["Timestamp"]))
        for one in job.get("FinalMetricDataList", [])
        if one["MetricName"] not in known
    ]
    if "TrainingEndTime" in job:
        for member in ("TrainingTimeInSeconds", "BillableTimeInSeconds"):
            if member in job:
                at = _millis(job["TrainingEndTime"])
                found.append(Measurement(member, float(job[member]), 0, at))
    return found


def _listed(
    sagemaker: Any, operation: str, word: str, names: Names, done: Iterable[str]
) -> list[str]:
    """Return the names of the environment's jobs, the oldest first.

    Those that are done and those of smoke tests are left out.
    """
    pages = sagemaker.get_paginator(operation).paginate(
        NameContains=names.prefix, SortBy="CreationTime", SortOrder="Ascending"
    )
    found = [one[f"{word}Name"] for page in pages for one in page[f"{word}Summaries"]]
    skipped = set(done)
    ours = (name for name in found if name.startswith(names.prefix))  # not only contains it
    return [
        name for name in ours if not name.startswith(names.smoke_prefix) and name not in skipped
    ]


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
