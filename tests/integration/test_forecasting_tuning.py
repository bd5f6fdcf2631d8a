"""A search by real trainings, and what experiments keep of it: the commands as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import forecasting_lake as lake
import pytest
from conftest import session_of
from forecasting import tuning

from contracts.names import Names
from localcloud.launch import running

ROOT = Path(__file__).parents[2]
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
    "[training.boosting]\n", '[training.boosting]\nrounds = "200"\nfolds = "2"\nnum_leaves = "4"\n'
)


@pytest.fixture(scope="module")
def own_cloud(tmp_path_factory):
    with running(home=tmp_path_factory.mktemp("tuning")) as started:
        yield started


@pytest.fixture(scope="module")
def session(own_cloud):
    return session_of(own_cloud)


@pytest.fixture(scope="module")
def names(session):
    return Names.from_aws(session, "local")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings")
    (folder / "local.toml").write_text(SETTINGS)
    (folder / "tuning.toml").write_text(SEARCH)
    return folder


@pytest.fixture(scope="module")
def run(own_cloud):
    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "forecasting", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **own_cloud.env, "LAKECAST_ENV": "local", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return command


@pytest.fixture(scope="module")
def tuned(session, names, run, folder):
    lake.write(session, names)
    done = run(
        "tune", "--settings", folder / "local.toml", "--search", folder / "tuning.toml",
        "--model", "boosting",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def state(tuned, session):
    (job,) = session.client("sagemaker").list_hyper_parameter_tuning_jobs()[
        "HyperParameterTuningJobSummaries"
    ]
    return tuning.describe(session, job["HyperParameterTuningJobName"])


def test_the_best_of_all_trainings_is_shown_to_be_kept(tuned, state):
    assert [one.status for one in state.trials] == ["Completed"] * 3
    objectives = [one.objective for one in state.trials]
    assert objectives == sorted(objectives)
    assert len(set(objectives)) > 1  # it makes a difference what is tried
    for name, value in state.best.values.items():
        assert f'{name} = "{value}"' in tuned
    assert f"{objectives[0]:.4f}" in tuned
