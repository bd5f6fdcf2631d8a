"""Tests of tuning with real trainings, and of its runs in MLflow, with the real commands."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from forecasting.cli import experiments
from forecasting.experiments.store import ExperimentStore, local_uri
from forecasting.experiments.training_runs import Run
from forecasting.jobs import tuning, tuning_channels
from forecasting.jobs.job_metrics import Measurement
from rich.console import Console

from contracts.models.container_images import tag
from localcloud.cloud.launch import free_port
from tests.support.models import forecasting_lake as lake
from tests.support.settings import write_changed

ROOT = Path(__file__).parents[3]
SEARCH = """
[holdout]
origins = 2

[boosting]
objective = "test:mean_wQuantileLoss"
goal = "Minimize"
jobs = 3
parallel = 2
without_progress = 0
early_stopping = "Off"

[boosting.ranges]
learning_rate = { continuous = [0.001, 0.3], scaling = "Logarithmic" }
rounds = { integer = [4, 12] }
"""
SETTINGS = lake.SETTINGS.format(epochs=2, likelihood="student-T").replace(
    "[forecast.training.hyperparameters.boosting]\n",
    '[forecast.training.hyperparameters.boosting]\nrounds = "200"\nfolds = "2"\nnum_leaves = "4"\n',
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings")
    write_changed(folder, "local", SETTINGS)
    (folder / "tuning.toml").write_text(SEARCH)
    return folder


@pytest.fixture(scope="module")
def too_early(run, folder):
    return run("tune", "--settings", folder, "--model", "boosting", "--no-gate")


@pytest.fixture(scope="module")
def tuned(too_early, session, names, run, folder):
    lake.write(session, names)
    session.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=names.model_package_group
    )
    done = run(
        "tune", "--settings", folder, "--search", folder / "tuning.toml",
        "--model", "boosting", "--no-gate",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def state(tuned, session):
    (job,) = session.client("sagemaker").list_hyper_parameter_tuning_jobs()[
        "HyperParameterTuningJobSummaries"
    ]
    return tuning.describe(session, job["HyperParameterTuningJobName"])


def test_without_a_lake_the_next_step_is_named(too_early):
    assert too_early.returncode == 1
    assert too_early.stderr.count("\n") == 1
    assert "run `make plan` and `make apply` first" in too_early.stderr


def test_the_best_of_all_trainings_is_shown_as_settings(tuned, state):
    assert [one.status for one in state.trials] == ["Completed"] * 3
    objectives = [one.objective for one in state.trials]
    assert objectives == sorted(objectives)
    assert len(set(objectives)) > 1  # the hyperparameters make a difference
    for name, value in state.best.values.items():
        assert f'{name} = "{value}"' in tuned
    assert f"{objectives[0]:.4f}" in tuned


@pytest.fixture(scope="module")
def version(state, session, names):
    """A version of the best trial's model, as retraining would register one."""
    container = {"Image": "image", "ModelDataUrl": "s3://models/model.tar.gz"}
    session.client("sagemaker").create_model_package(
        ModelPackageGroupName=names.model_package_group,
        InferenceSpecification={"Containers": [container]},
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={
            "training_job": state.best.job,
            "wql": "0.25",
            "verdict": "accepted",
        },
    )


@pytest.fixture(scope="module")
def mirrored(state, version, session, names, folder):
    """Output when the jobs are mirrored for the first time."""
    store = folder / "mlflow"
    console = Console(file=io.StringIO(), width=200)
    experiments.mirror(session, names, local_uri(store), store, console)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def page(mirrored, own_cloud, folder):
    """Output when the jobs are mirrored again, and the page while the command runs."""
    options = ["--settings", folder, "--store", folder / "mlflow", "--show"]
    command = [sys.executable, "-u", "-m", "lakecast", "models", "experiments", *map(str, options)]
    with subprocess.Popen(
        [*command, "--page-port", str(free_port())],
        cwd=ROOT,
        env=lake.environment(own_cloud),
        stdout=subprocess.PIPE,
        text=True,
    ) as shown:
        said = []
        for line in shown.stdout:
            said.append(line)
            if line.startswith("open "):
                break
        address = re.search(r"http://127\.0\.0\.1:\d+", said[-1])[0]
        yield said[0], address
        shown.terminate()
        assert shown.wait(60) == 130
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{address}/health", timeout=5)


@pytest.fixture(scope="module")
def runs(mirrored, page, names, folder):
    from mlflow import MlflowClient  # noqa: PLC0415  (after its telemetry is off)

    client = MlflowClient(local_uri(folder / "mlflow"))
    experiment = client.get_experiment_by_name(names.experiment)
    return (
        client,
        {one.info.run_name: one for one in client.search_runs([experiment.experiment_id])},
        client.search_runs([experiment.experiment_id]),
    )


def test_every_job_is_a_run_once(mirrored, page, runs, state):
    _, by_name, all_runs = runs
    assert set(by_name) == {state.job, *(one.job for one in state.trials)}
    assert len(all_runs) == len(by_name)
    assert "4 new runs" in mirrored
    assert "0 new runs, 0 brought up to date, 4 were complete" in page[0]


def test_the_page_compares_runs_and_sends_no_telemetry(page, runs):
    _, by_name, (first, *_) = runs
    _, address = page
    with urllib.request.urlopen(f"{address}/", timeout=30) as answer:
        assert b"MLflow" in answer.read()
    search = urllib.request.Request(
        f"{address}/api/2.0/mlflow/runs/search",
        json.dumps({"experiment_ids": [first.info.experiment_id]}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(search, timeout=30) as answer:
        found = json.loads(answer.read())["runs"]
    assert {one["info"]["run_name"] for one in found} == set(by_name)
    with urllib.request.urlopen(f"{address}/ajax-api/3.0/mlflow/ui-telemetry") as answer:
        assert json.loads(answer.read())["disable_ui_telemetry"] is True


def test_a_run_holds_parameters_metrics_and_where_it_came_from(runs, state, names):
    client, by_name, _ = runs
    run, best = by_name[state.best.job], state.best
    assert run.info.status == "FINISHED"
    assert run.data.params.items() >= {**best.values, "folds": "2"}.items()
    assert run.data.metrics["test:mean_wQuantileLoss"] == best.objective
    assert run.data.tags["mlflow.parentRunId"] == by_name[state.job].info.run_id
    assert run.data.tags["image_tag"] == tag("boosting")
    assert run.data.tags["model_artifacts"].endswith(f"{best.job}/output/model.tar.gz")
    (train,) = [one for one in run.inputs.dataset_inputs if one.dataset.name == "train"]
    assert json.loads(train.dataset.source) == {
        "uri": tuning_channels.channel_uri(names, state.job, "train")
    }
    progress = client.get_metric_history(run.info.run_id, "train:progress")
    assert [one.step for one in progress] == list(range(len(progress)))
    losses = client.get_metric_history(run.info.run_id, "train:loss")
    assert [one.step for one in losses] == list(range(min(10, int(best.values["rounds"]))))
    assert len({one.value for one in losses}) == len(losses)
    assert all(run.info.start_time <= one.timestamp <= run.info.end_time for one in progress)


def test_a_versions_job_has_the_gates_verdict(runs, state):
    _, by_name, _ = runs
    data = by_name[state.best.job].data
    assert data.metrics["gate:wql"] == 0.25
    assert (
        data.tags.items()
        >= {
            "version": "1",
            "approval": "Approved",
            "gate.verdict": "accepted",
        }.items()
    )


def test_the_search_shows_the_best_so_far(runs, state):
    client, by_name, _ = runs
    run_id = by_name[state.job].info.run_id
    name = "test:mean_wQuantileLoss"
    found = [one.value for one in client.get_metric_history(run_id, name)]
    best = [one.value for one in client.get_metric_history(run_id, f"best {name}")]
    assert sorted(found) == [one.objective for one in state.trials]
    assert best == [min(found[: number + 1]) for number in range(len(found))]


def test_a_run_grows_with_its_job_and_a_deleted_one_stays_away(runs, folder):
    client, _, _ = runs
    losses = [Measurement("train:loss", 1 / (step + 1), step, 1000 + step) for step in range(4)]
    run = Run("job", "RUNNING", 900, None, {"epochs": "4"}, {"job_status": "InProgress"})

    def store():
        return ExperimentStore(local_uri(folder / "mlflow"), "growing")

    assert store().put(replace(run, measurements=losses[:2]))
    assert store().done == set()
    ended = replace(
        run, status="FINISHED", ended=2000, tags={"job_status": "Completed"}, measurements=losses
    )
    assert not store().put(ended)
    assert store().done == {"job"}
    experiment = client.get_experiment_by_name("growing").experiment_id
    (found,) = client.search_runs([experiment])
    assert (found.info.status, found.info.end_time) == ("FINISHED", 2000)
    assert found.data.tags["job_status"] == "Completed"
    history = client.get_metric_history(found.info.run_id, "train:loss")
    assert [(one.step, one.value) for one in history] == [(one.step, one.value) for one in losses]
    client.delete_run(found.info.run_id)
    assert store().done == {"job"}
