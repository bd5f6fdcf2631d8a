"""Stores runs in MLflow: created once, updated while their jobs run, then unchanged."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import forecasting.experiments.telemetry  # noqa: F401 -- before MLflow

# isort: split
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType

from contracts.names import Names
from forecasting.experiments.training_runs import RUNNING, Run
from forecasting.jobs.job_metrics import Measurement

JOB = "job"
"""Tag that identifies the run of a job."""

DELETED = "DELETED"
_PER_CALL = 100  # limit of parameters or tags; that of metrics is 1,000


def local_uri(folder: Path) -> str:
    """Return the ``tracking_uri`` of a store in a local folder."""
    return f"sqlite:///{folder.absolute() / 'mlflow.db'}"


def server_arn(names: Names) -> str:
    """Return the tracking URI of SageMaker's managed MLflow for the sagemaker-mlflow plugin."""
    return names.arn("sagemaker", f"mlflow-tracking-server/{names.tracking_server}")


class ExperimentStore:
    """The runs of one environment.

    Parameters
    ----------
    tracking_uri
        MLflow's tracking URI: `local_uri`, a server's ARN, or a server's address.
    experiment
        Name of the experiment; it is created if it does not exist.
    artifacts
        URI of the folder for artefacts; None uses the server's.
    """

    def __init__(self, tracking_uri: str, experiment: str, artifacts: str | None = None) -> None:
        self._client = _client(tracking_uri)
        found = self._client.get_experiment_by_name(experiment)
        self.experiment_id: str = (
            found.experiment_id
            if found
            else self._client.create_experiment(experiment, artifact_location=artifacts)
        )
        self._ids: dict[str, str] = {}
        self._status: dict[str, str] = {}
        for run in self._all():
            job = run.data.tags.get(JOB)
            if job and run.info.lifecycle_stage == "deleted":
                self._status[job] = DELETED  # a user deleted it: it is not created again
            elif job:
                self._ids[job] = run.info.run_id
                self._status[job] = run.info.status

    @property
    def done(self) -> frozenset[str]:
        """Jobs whose runs are complete."""
        return frozenset(job for job, status in self._status.items() if status != RUNNING)

    def put(self, run: Run) -> bool:
        """Create or update a job's run; return whether it is new.

        The end is written last: a run that was stored partially is still running, and is updated
        next time.
        """
        is_new = run.job not in self._ids
        if is_new:
            made = self._client.create_run(
                self.experiment_id, start_time=run.started, tags={JOB: run.job}, run_name=run.job
            )
            self._ids[run.job] = made.info.run_id
        run_id = self._ids[run.job]
        tags = dict(run.tags)
        if run.parent in self._ids:
            tags["mlflow.parentRunId"] = self._ids[run.parent]
        self._log_parameters(run_id, run.parameters)
        self.tag(run.job, tags)
        self._log_channels(run_id, run)
        self.measure(run.job, run.measurements)
        if run.status != RUNNING:
            self._client.set_terminated(run_id, run.status, end_time=run.ended)
        self._status[run.job] = run.status
        return is_new

    def tag(self, job: str, tags: Mapping[str, str]) -> None:
        """Set the changed tags of a job's run, if there is one."""
        if job not in self._ids:
            return
        run_id = self._ids[job]
        there = self._client.get_run(run_id).data.tags
        new = [RunTag(name, text) for name, text in tags.items() if there.get(name) != text]
        for start in range(0, len(new), _PER_CALL):
            self._client.log_batch(run_id, tags=new[start : start + _PER_CALL])

    def measure(self, job: str, measurements: Sequence[Measurement]) -> None:
        """Add the new measurements to a job's run, if there is one."""
        if job not in self._ids:
            return
        run_id = self._ids[job]
        there = {
            name: {one.step for one in self._client.get_metric_history(run_id, name)}
            for name in {one.metric for one in measurements}
        }
        new = [
            Metric(one.metric, one.value, one.at, one.step)
            for one in measurements
            if one.step not in there[one.metric]
        ]
        for start in range(0, len(new), _PER_CALL):
            self._client.log_batch(run_id, metrics=new[start : start + _PER_CALL])

    def _log_parameters(self, run_id: str, parameters: Mapping[str, str]) -> None:
        values = [Param(name, text) for name, text in parameters.items()]
        for start in range(0, len(values), _PER_CALL):
            self._client.log_batch(run_id, params=values[start : start + _PER_CALL])

    def _log_channels(self, run_id: str, run: Run) -> None:
        inputs = [
            DatasetInput(
                Dataset(
                    name=name,
                    # the next ETL overwrites the channel, so the digest includes the time
                    digest=hashlib.sha256(f"{uri} {run.started}".encode()).hexdigest()[:8],
                    source_type="s3",
                    source=json.dumps({"uri": uri}, allow_nan=False),
                ),
                [InputTag("mlflow.data.context", name)],
            )
            for name, uri in run.channels.items()
        ]
        if inputs:
            self._client.log_inputs(run_id, inputs)

    def _all(self) -> list[Any]:
        found: list[Any] = []
        token = None
        while True:
            page = self._client.search_runs(
                [self.experiment_id], run_view_type=ViewType.ALL, page_token=token
            )
            found += page
            token = page.token
            if not token:
                return found


def _client(tracking_uri: str) -> MlflowClient:
    for name in ("mlflow", "alembic"):  # hides the creation of a new store's tables
        logging.getLogger(name).setLevel(logging.WARNING)
    scheme, _, path = tracking_uri.partition(":///")
    if scheme == "sqlite":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri)
