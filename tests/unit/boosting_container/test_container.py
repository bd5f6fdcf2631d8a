"""The container as SageMaker starts it: trains on channels, saves an artefact, serves requests."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from boosting_container.hyperparameters import Hyperparameters
from boosting_container.model import Boosting
from container_runtime.errors import HyperparameterError
from forecast_format.invocation import answer_json

from contracts.models.algorithms import ALGORITHMS

CONTAINER = Path(__file__).parents[3] / "sagemaker" / "containers" / "boosting"
GIVEN = {
    "time_freq": "H",
    "prediction_length": "24",
    "folds": "2",
    "rounds": "40",
    "learning_rate": "0.2",
    "min_data_in_leaf": "20",
    "outer_min_data_in_leaf": "20",
}
HOURS = 50 * 24
LEVELS = [f"0.{level:02}" for level in range(3, 97, 6)]


def instance(device: int, pollutant: int, hours: int = HOURS, **changes: object) -> dict:
    random = np.random.default_rng(10 * device + pollutant)
    level = 10.0 * (1 + 4 * pollutant)
    target = level * (2 + np.sin(2 * np.pi * np.arange(hours) / 24)) + random.normal(0, 1, hours)
    return {
        "start": "2024-01-01 00:00:00",
        "target": target.round(2).tolist(),
        "cat": [device, pollutant],
        "related": {"area": target.round(1).tolist()},
        **changes,
    }


def run(base: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, CONTAINER / command],
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(base)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def prepared(base: Path, instances: list[dict], **hyperparameters: str) -> Path:
    for channel in ("train", "test"):
        folder = base / "input" / "data" / channel
        folder.mkdir(parents=True)
        (folder / "a.json").write_text("".join(json.dumps(one) + "\n" for one in instances))
    configuration = base / "input" / "config"
    configuration.mkdir()
    (configuration / "hyperparameters.json").write_text(json.dumps({**GIVEN, **hyperparameters}))
    return base


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folders and log of a finished training with two devices and two pollutants."""
    instances = [instance(device, pollutant) for device in (0, 1) for pollutant in (0, 1)]
    base = prepared(tmp_path_factory.mktemp("boosting"), instances)
    done = run(base, "train")
    assert done.returncode == 0, done.stdout + done.stderr
    return base, done.stdout


@pytest.fixture(scope="module")
def model(trained: tuple[Path, str]) -> Boosting:
    return Boosting.load(trained[0] / "model")


def ask(model: Boosting, *instances: dict, **configuration: object) -> list[dict]:
    body = {"instances": instances, "configuration": configuration}
    return answer_json(model, json.dumps(body).encode())["predictions"]


def test_log_has_the_lines_that_sagemaker_extracts_metrics_from(trained: tuple[Path, str]) -> None:
    log = trained[1]
    assert "#progress_metric: host=algo-1, completed 100.0 % of epochs" in log
    assert "train final_loss <loss>=0." in log
    assert "test mean_wQuantileLoss <loss>=0." in log


def test_log_contains_the_loss_curve_and_the_loss_of_each_pollutant(
    trained: tuple[Path, str],
) -> None:
    _, log = trained
    found = {
        definition["Name"]: [float(value) for value in re.findall(definition["Regex"], log)]
        for definition in ALGORITHMS["boosting"].metric_definitions
    }
    curve, final = found["train:loss"], found["train:final_loss"]
    assert len(curve) == 10
    assert curve[-1] < 0.8 * curve[0]  # the model has learned
    assert final == [pytest.approx(curve[-1])]
    by_pollutant = [found[f"train:final_loss:category-{number}"] for number in range(2)]
    assert np.mean(by_pollutant) == pytest.approx(final[0])


def test_loaded_artefact_forecasts_the_daily_cycle(model: Boosting) -> None:
    (found,) = ask(model, instance(0, 1), quantiles=["0.5"])
    expected = 50 * (2 + np.sin(2 * np.pi * np.arange(24) / 24))
    np.testing.assert_allclose(found["quantiles"]["0.5"], expected, rtol=0.1)
    np.testing.assert_allclose(found["mean"], expected, rtol=0.15)


def test_quantiles_are_ordered_and_samples_have_the_same_quantiles(model: Boosting) -> None:
    options = {"quantiles": LEVELS, "num_samples": 400, "output_types": ["quantiles", "samples"]}
    (found,) = ask(model, instance(1, 0), **options)
    rows = np.array([found["quantiles"][level] for level in LEVELS])
    assert (np.diff(rows, axis=0) >= 0).all()
    assert (rows >= 0).all()
    samples = np.array(found["samples"])
    assert samples.shape == (400, 24)
    middle = rows[LEVELS.index("0.51")]
    np.testing.assert_allclose(np.quantile(samples, 0.51, axis=0), middle, rtol=0.05)


@pytest.mark.parametrize(
    "changes",
    [
        {"target": [None] * 800, "related": {}},
        {"target": [7.0] * 800, "related": {}},
        {"target": [0.0] * 800},
        {"target": [5.0], "related": {}},
        {"target": [], "related": {}},
        {"related": {}},
        {"cat": [9, 1]},
    ],
    ids=["silent", "constant", "zero", "one-value", "new", "alone", "unknown-device"],
)
def test_a_forecast_from_incomplete_input_is_finite_ordered_and_not_negative(
    model: Boosting, changes: dict
) -> None:
    given = {**instance(0, 1), **changes}
    given["related"] = {k: v[: len(given["target"])] for k, v in given["related"].items()}
    (found,) = ask(model, given, quantiles=LEVELS)
    rows = np.array([found["quantiles"][level] for level in LEVELS])
    assert np.isfinite(rows).all()
    assert (rows >= 0).all()
    assert (np.diff(rows, axis=0) >= 0).all()


@pytest.mark.parametrize(
    "hours", [0, 300, 1200], ids=["new", "silent-for-days", "silent-for-weeks"]
)
@pytest.mark.parametrize("related", [True, False])
def test_a_silent_device_is_forecast_at_its_usual_level_with_wider_bands(
    model: Boosting, hours: int, related: bool
) -> None:
    """The training data have no gaps; the model must still not treat a gap as zero."""
    known, usual = instance(0, 1), 50 * (2 + np.sin(2 * np.pi * np.arange(24) / 24))
    target = [*known["target"][: HOURS - hours], *([None] * hours)] if hours else []
    given = {**known, "target": target, "related": known["related"] if related and hours else {}}
    found, sure = (ask(model, one, quantiles=["0.1", "0.5", "0.9"])[0] for one in (given, known))
    median, low, high = (np.array(found["quantiles"][level]) for level in ("0.5", "0.1", "0.9"))
    assert np.abs(median - usual).mean() < 25
    assert median.mean() == pytest.approx(usual.mean(), rel=0.15)
    width = np.array(sure["quantiles"]["0.9"]) - sure["quantiles"]["0.1"]
    assert (high - low).mean() > 2 * width.mean()


def test_a_model_trained_with_related_series_serves_requests_without_them(
    model: Boosting,
) -> None:
    found, sure = (
        np.array(ask(model, one, quantiles=["0.5"])[0]["quantiles"]["0.5"])
        for one in (instance(0, 1, related={}), instance(0, 1))
    )
    np.testing.assert_allclose(found, sure, rtol=0.1)


def test_a_request_that_does_not_fit_the_model_is_rejected_by_name(model: Boosting) -> None:
    with pytest.raises(ValueError, match=r"instances\[0\]: cat ends with 7"):
        ask(model, instance(0, 7))
    with pytest.raises(ValueError, match=r"cat must hold 2 categories; got \[1\]"):
        ask(model, instance(0, 0, cat=[1]))
    with pytest.raises(ValueError, match=r"related\[area\] must be no longer than target"):
        ask(model, instance(0, 0, related={"area": [1.0] * (HOURS + 1)}))


def test_same_data_and_seed_give_the_same_artefact(
    trained: tuple[Path, str], tmp_path: Path
) -> None:
    instances = [instance(device, pollutant) for device in (0, 1) for pollutant in (0, 1)]
    assert run(prepared(tmp_path, instances), "train").returncode == 0
    files = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert files == sorted(path.name for path in (trained[0] / "model").iterdir())
    for name in files:
        assert (trained[0] / "model" / name).read_bytes() == (
            tmp_path / "model" / name
        ).read_bytes()


def test_too_short_series_fail_with_the_required_length(tmp_path: Path) -> None:
    base = prepared(tmp_path, [instance(0, 0, hours=190)])
    assert run(base, "train").returncode == 1
    failure = (base / "output" / "failure").read_text()
    assert "Customer Error: train channel: last category 0: no series has a value after" in failure


def test_all_invalid_hyperparameters_are_reported_together() -> None:
    with pytest.raises(HyperparameterError) as rejected:
        Hyperparameters.parse(
            {"time_freq": "D", "prediction_length": "24", "rounds": "0", "x": "1"}
        )
    message = str(rejected.value)
    assert "time_freq must be H" in message
    assert "rounds must be an integer from 1 to 10000" in message
    assert "'x' is not a hyperparameter of boosting" in message


def test_serve_answers_over_http(trained: tuple[Path, str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, CONTAINER / "serve"],
        env={
            **os.environ,
            "SAGEMAKER_BASE_DIR": str(trained[0]),
            "SAGEMAKER_BIND_TO_PORT": str(port),
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping"):
                    break
            except urllib.error.URLError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        body = json.dumps({"instances": [instance(0, 0)]}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            body,
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            (prediction,) = json.load(answer)["predictions"]
        assert set(prediction["quantiles"]) == {f"0.{n}" for n in range(1, 10)}
    finally:
        process.terminate()
        process.wait(20)
