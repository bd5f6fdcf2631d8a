"""Training jobs: CreateTrainingJob, DescribeTrainingJob, ListTrainingJobs, StopTrainingJob."""

from __future__ import annotations

import threading
import time
from typing import Any

from localcloud.sagemaker import images
from localcloud.sagemaker.errors import (
    already_exists,
    limit_exceeded,
    not_found,
    not_served,
    validation,
)
from localcloud.sagemaker.listing import page
from localcloud.sagemaker.metric_scan import MetricScan
from localcloud.sagemaker.parts import Parts
from localcloud.sagemaker.training_run import TrainingRun, finish
from localcloud.store import Record

KIND = "training-job"
RUNNING = ("InProgress", "Stopping")
_MOST_METRICS = 40
_LONGEST_SECONDS = 86400

# Members of the request that DescribeTrainingJob gives back as they came.
_ECHOED = (
    "TrainingJobName",
    "HyperParameters",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "Environment",
    "CheckpointConfig",
    "ExperimentConfig",
    "RetryStrategy",
    "DebugHookConfig",
    "ProfilerConfig",
)


class TrainingJobs:
    """The operations on training jobs, and the jobs that run now.

    At most ``settings.concurrent_training_jobs`` run; the others are Pending.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._account = parts.account
        self._store = parts.store
        self._tags = parts.tags
        self._slots = threading.BoundedSemaphore(parts.settings.concurrent_training_jobs)
        self._runs: dict[str, TrainingRun] = {}

    def create_training_job(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["TrainingJobName"]
        arn = self._account.arn(KIND, name)
        _refuse_what_is_not_served(request)
        job = self._described(request, arn)
        scan = MetricScan(job["AlgorithmSpecification"].get("MetricDefinitions", []))
        if self._store.get(KIND, name):
            raise already_exists(KIND, arn)
        role = self._account.assume(request["RoleArn"])
        with self._store.lock:
            if self._store.get(KIND, name):
                raise already_exists(KIND, arn)
            self._store.put(KIND, name, job)
            self._tags.set(arn, request.get("Tags", []))
            run = TrainingRun(name, role, scan, self._parts, self._slots)
            self._runs[name] = run
        run.start()
        return {"TrainingJobArn": arn}

    def describe_training_job(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._get(request["TrainingJobName"])

    def list_training_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        found, following = page(
            self._store.all(KIND), request, name="TrainingJobName", status="TrainingJobStatus"
        )
        summaries = [
            {
                member: job[member]
                for member in (
                    "TrainingJobName",
                    "TrainingJobArn",
                    "CreationTime",
                    "TrainingEndTime",
                    "LastModifiedTime",
                    "TrainingJobStatus",
                    "SecondaryStatus",
                )
                if member in job
            }
            for job in found
        ]
        return {"TrainingJobSummaries": summaries, **following}

    def stop_training_job(self, request: dict[str, Any]) -> None:
        name = request["TrainingJobName"]
        with self._store.lock:
            job = self._get(name)
            if job["TrainingJobStatus"] not in RUNNING:
                raise validation(
                    "The request was rejected because the training job is in status "
                    f"{job['TrainingJobStatus']}."
                )
            run = self._runs[name]
        run.stop()

    def delete_training_job(self, request: dict[str, Any]) -> None:
        name = request["TrainingJobName"]
        with self._store.lock:
            job = self._get(name)
            if job["TrainingJobStatus"] in RUNNING:
                raise validation(
                    "The request was rejected because the training job is in status "
                    f"{job['TrainingJobStatus']}."
                )
            self._store.delete(KIND, name)
            self._runs.pop(name, None)
            self._tags.forget(job["TrainingJobArn"])

    def start(self) -> None:
        """Jobs that were under way when the cloud went down have failed."""
        for job in self._store.all(KIND):
            if job["TrainingJobStatus"] in RUNNING:
                self._store.update(
                    KIND,
                    job["TrainingJobName"],
                    lambda record: finish(
                        record,
                        "Failed",
                        "InternalServerError: the local cloud was stopped while the job ran; "
                        "start it anew under another name.",
                    ),
                )

    def close(self) -> None:
        """Kill what runs; returns when all of it is gone."""
        runs = list(self._runs.values())
        for run in runs:
            run.abandon()
        for run in runs:
            run.join()

    def _get(self, name: str) -> Record:
        job = self._store.get(KIND, name)
        if job is None:
            raise not_found(KIND, self._account.arn(KIND, name))
        return job

    def _described(self, request: dict[str, Any], arn: str) -> Record:
        """The job as DescribeTrainingJob has it in its first moment."""
        now = time.time()
        algorithm = dict(request["AlgorithmSpecification"])
        known = {item["Name"] for item in algorithm.get("MetricDefinitions", [])}
        built_in = images.metric_definitions(algorithm["TrainingImage"])
        definitions = algorithm.get("MetricDefinitions", []) + [
            item for item in built_in if item["Name"] not in known
        ]
        if definitions:
            algorithm["MetricDefinitions"] = definitions[:_MOST_METRICS]
        return {
            **{member: request[member] for member in _ECHOED if member in request},
            "TrainingJobArn": arn,
            "AlgorithmSpecification": algorithm,
            "StoppingCondition": {
                "MaxRuntimeInSeconds": _LONGEST_SECONDS,
                **request.get("StoppingCondition", {}),
            },
            "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
            "EnableInterContainerTrafficEncryption": request.get(
                "EnableInterContainerTrafficEncryption", False
            ),
            "EnableManagedSpotTraining": request.get("EnableManagedSpotTraining", False),
            "ModelArtifacts": {"S3ModelArtifacts": model_artifacts(request)},
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "SecondaryStatusTransitions": [
                {
                    "Status": "Starting",
                    "StartTime": now,
                    "StatusMessage": "Starting the training job",
                }
            ],
            "CreationTime": now,
            "LastModifiedTime": now,
        }


def model_artifacts(request: dict[str, Any]) -> str:
    """Where the model will lie: ``<S3OutputPath>/<job>/output/model.tar.gz``."""
    path = request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    return f"{path}/{request['TrainingJobName']}/output/model.tar.gz"


def _refuse_what_is_not_served(request: dict[str, Any]) -> None:
    for member in ("AlgorithmSpecification", "ResourceConfig"):
        if member not in request:
            raise not_served(f"training jobs without {member}")
    if "TrainingImage" not in request["AlgorithmSpecification"]:
        raise not_served("training jobs without AlgorithmSpecification.TrainingImage")
    resources = request["ResourceConfig"]
    if "InstanceType" not in resources:
        raise not_served("training jobs without ResourceConfig.InstanceType")
    count = resources.get("InstanceCount", 1)
    if count > 1:
        raise limit_exceeded(
            f"{resources['InstanceType']} for training job usage", limit=1, used=0, asked=count
        )
