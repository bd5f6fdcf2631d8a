"""Follows docs/how-to/add-an-algorithm.md in a copy of the repository, up to an endpoint.

The copy differs from the repository only by the changes on that page: a folder, a record and
settings.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.names import Names
from localcloud.cloud.launch import LocalCloud, running
from tests.support.models import forecasting_lake as lake
from tests.support.sessions import session_of

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/how-to/add-an-algorithm.md").read_text()
NOT_COPIED = shutil.ignore_patterns(
    ".venv", ".git", ".lakecast", "*_cache", "__pycache__", "*.egg-info"
)
SOURCES = ("", "sagemaker/src", *(f"sagemaker/containers/{one}" for one in ("runtime", "forecast")))
PARTS = {
    "data": ("key", "alarms", "locks", "releases", "forecast_"),
    "pipeline": ("sagemaker_", "retrain_", "rollout_"),
}


def block(language: str) -> str:
    """Returns the page's only code block in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return found


class Copy:
    """A copy of the repository with one more algorithm, on a separate cloud."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT, root, ignore=NOT_COPIED, symlinks=True)
        shutil.copytree(ROOT / "tests/containers/tiny", root / "sagemaker/containers/tiny")
        self._edit(
            "contracts/models/algorithms.py",
            (r"\nALGORITHMS: ", f"\n{block('python')}\nALGORITHMS: "),
            (r"\(_BOOSTING, _DEEPAR\)", "(_BOOSTING, _DEEPAR, _TINY)"),
        )
        self._edit("infra/environments/base.toml", (r"\Z", f"\n{block('toml')}"))

    def _edit(self, file: str, *changes: tuple[str, str]) -> None:
        text = (self.root / file).read_text()
        for pattern, new in changes:
            text, count = re.subn(pattern, lambda _, new=new: new, text, count=1)
            assert count == 1, f"{pattern} is not in {file}"
        (self.root / file).write_text(text)

    def run(self, cloud: LocalCloud, *command: str) -> str:
        """Runs Python in the copy and returns its output."""
        paths = os.pathsep.join(str(self.root / one) for one in SOURCES)
        variables = {"LAKECAST_ENV": "local", "COLUMNS": "200", "PYTHONPATH": paths}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env={**os.environ, **cloud.env, **variables},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def verb(self, cloud: LocalCloud, *options: str) -> str:
        return self.run(cloud, "-m", "lakecast", "models", *options)

    @property
    def settings(self) -> str:
        return str(self.root / "infra/environments")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("copy") / "lakecast")


@pytest.fixture(scope="module")
def cloud(copy: Copy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKECAST_CONTAINERS", str(copy.root / "sagemaker/containers"))
        with running(home=tmp_path_factory.mktemp("added") / "cloud") as started:
            yield started


@pytest.fixture(scope="module")
def names(cloud: LocalCloud) -> Names:
    return Names.from_aws(session_of(cloud), "local")


@pytest.fixture(scope="module")
def trained(
    copy: Copy, cloud: LocalCloud, names: Names, tmp_path_factory: pytest.TempPathFactory
) -> str:
    home = tmp_path_factory.mktemp("terraform")
    lake.write_channels(session_of(cloud), names)
    apply = (
        "import sys, json; from pathlib import Path; from contracts.names import Names; "
        "from tests.support import part_of_estate; "
        "part_of_estate.apply_stacks(Names(*sys.argv[1:4]), Path(sys.argv[4]), "
        "{stack: tuple(parts) for stack, parts in json.loads(sys.argv[5]).items()})"
    )
    copy.run(
        cloud,
        *("-c", apply, names.environment, names.account_id, names.region),
        *(str(home), json.dumps(PARTS)),
    )
    return copy.verb(cloud, "train", "--settings", copy.settings, "--model", "tiny")


@pytest.fixture(scope="module")
def registered(copy: Copy, cloud: LocalCloud, trained: str, tmp_path_factory) -> str:
    reports = str(tmp_path_factory.mktemp("reports"))
    return copy.verb(cloud, "retrain", "--output", reports, "--model", "tiny", "--no-etl")


@pytest.fixture(scope="module")
def deployed(copy: Copy, cloud: LocalCloud, registered: str) -> str:
    return copy.verb(cloud, "approve", "--version", "1")


def test_it_is_trained_with_its_settings_and_its_metrics_are_read(trained, cloud):
    assert "completed" in trained
    sagemaker = session_of(cloud).client("sagemaker")
    (summary,) = sagemaker.list_training_jobs(NameContains="tiny")["TrainingJobSummaries"]
    job = sagemaker.describe_training_job(TrainingJobName=summary["TrainingJobName"])
    assert job["HyperParameters"] == {"behaviour": "forecast"}
    assert "/lakecast-local-tiny:" in job["AlgorithmSpecification"]["TrainingImage"]
    assert {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]} == {
        "accuracy": 0.75
    }


def test_it_is_judged_and_registered(registered, cloud, names):
    assert "the gate " in registered
    found = (
        session_of(cloud)
        .client("sagemaker")
        .list_model_packages(ModelPackageGroupName=names.model_package_group)[
            "ModelPackageSummaryList"
        ]
    )
    assert [one["ModelPackageVersion"] for one in found] == [1]


def test_it_serves(deployed, cloud, names):
    assert "serves lakecast-local-forecast-v1 (100% of traffic)" in deployed
    answer = (
        session_of(cloud)
        .client("sagemaker-runtime")
        .invoke_endpoint(
            EndpointName=names.endpoint,
            ContentType="application/json",
            Body=json.dumps({"target": [float(hour) for hour in range(48)]}),
        )
    )
    quantiles = json.loads(answer["Body"].read())["quantiles"]
    assert quantiles["0.5"] == pytest.approx([float(hour) for hour in range(24, 48)])
