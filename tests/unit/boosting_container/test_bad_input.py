"""Invalid hyperparameters, channels and artefacts are rejected with a reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boosting_container import commands, training
from boosting_container.hyperparameters import Hyperparameters
from boosting_container.model import Boosting
from container_runtime.errors import DataError, HyperparameterError, SeriesError
from container_runtime.paths import ContainerPaths
from forecast_format.series import Series
from forecast_format.serve_command import serve

HOURLY = {"time_freq": "H", "prediction_length": "24"}
QUICK = Hyperparameters("H", 24, folds=2, rounds=2, min_data_in_leaf=5, outer_min_data_in_leaf=5)
DAYS = 16


def series(cat: tuple[int, ...] = (0, 0), days: int = DAYS, **given: object) -> Series:
    hours = np.arange(24 * days)
    target = 10 + 5 * np.sin(2 * np.pi * hours / 24) + hours % 7
    return Series(pd.Period("2024-01-01", freq="h"), np.float32(target), cat, **given)  # type: ignore[arg-type]


def silent(cat: tuple[int, ...]) -> Series:
    return Series(pd.Period("2024-01-01", freq="h"), np.full(24 * DAYS, np.nan, np.float32), cat)


def ahead(steps: int) -> np.ndarray:
    return np.ones((1, steps), np.float32)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("num_leaves", "131073", "an integer from 2 to 131072"),
        ("rounds", "1e9", "an integer from 1 to 10000"),
        ("folds", "1", "an integer from 2 to 20"),
        ("learning_rate", "1", "a number above 0 and below 1"),
        ("feature_fraction", "0", "a number above 0 and at most 1"),
        ("max_bin", "-3", "an integer from 2 to 65535"),
        ("seed", "nan", "an integer from 0 to"),
    ],
)
def test_a_hyperparameter_out_of_range_is_rejected_by_name(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(HyperparameterError, match=f"{name} must be {expected}.*; got '{value}'"):
        Hyperparameters.parse({**HOURLY, name: value})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([silent((0, 0)), silent((1, 0))], "no series has a value"),
        ([series(days=7)], "last category 0: no series has a value after 168 hours"),
        ([series(days=8)], "boosting needs values on at least 9 days; got 8"),
        ([series(), series((0,))], r"cat must be as long in all series; got \[1, 2\]"),
        ([series(dynamic_feat=ahead(5))], r"as long as target \(384\); got 5 values"),
        ([series(dynamic_feat=ahead(384)), series()], r"as many lists in all series; got \[0, 1\]"),
    ],
    ids=["silent", "too-short", "too-few-days", "categories", "ahead-too-short", "ahead-of-some"],
)
def test_a_channel_that_is_not_usable_for_training_is_rejected(
    given: list[Series], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        training.fit(given, QUICK)


def test_a_pollutant_with_too_little_history_does_not_affect_the_others() -> None:
    model, _ = training.fit([series(), series((0, 1), days=7), silent((0, 2))], QUICK)
    model.check(series())
    for untrained in (1, 2):
        with pytest.raises(SeriesError, match=rf"cat ends with {untrained}, .* known: \[0\]"):
            model.check(series((0, untrained)))


def test_a_pollutant_that_never_changes_does_not_affect_the_others() -> None:
    zeros, fives = (
        replace(series((0, cat)), target=np.full(24 * DAYS, value, np.float32))
        for cat, value in ((1, 0.0), (2, 5.0))
    )
    curves: dict[int, training.Curve] = {}
    model, loss = training.fit([series(), zeros, fives], QUICK, curves=curves)
    assert loss == pytest.approx(np.mean([curve[-1] for curve in curves.values()]))
    assert loss > 0
    assert curves[1].tolist() == [0.0] * QUICK.rounds
    for known, value in ((zeros, 0.0), (fives, 5.0)):
        (found,) = model.forecast([known], 10)
        np.testing.assert_allclose(found.mean(), value, atol=0.01)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ([series((0,))], r"cat must be as long as in the train channel \(2\); got 1"),
        ([series(), series((0,))], r"cat must be as long in all series; got \[1, 2\]"),
        ([series(dynamic_feat=ahead(384))], "dynamic_feat must be as long as in the train channel"),
        ([series(dynamic_feat=ahead(5))], r"as long as target \(384\); got 5 values"),
        ([series((0, 7))], r"no series has a last category of the train channel, which has \[0\]"),
        ([series(days=1)], r"no series is longer than prediction_length \(24\)"),
        ([silent((0, 0))], "the last 24 values of every series are missing or zero"),
    ],
    ids=["cat", "cats", "dynamic", "dynamic-length", "group", "short", "silent"],
)
def test_a_test_channel_that_cannot_be_scored_is_rejected_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test: list[Series], message: str
) -> None:
    paths = channels(tmp_path, train=[series()], test=test)
    monkeypatch.setattr(training, "fit", None)
    with pytest.raises(DataError, match=f"^test channel: .*{message}"):
        commands.run(paths, HOURLY)


def test_a_model_is_kept_if_the_group_to_score_had_too_little_history(tmp_path: Path) -> None:
    paths = channels(
        tmp_path, train=[series(), series((0, 1), days=7)], test=[series((0, 1), days=7)]
    )
    training.run(paths, QUICK)
    assert Boosting.load(paths.model).groups.keys() == {0}


def channels(base: Path, **channels: list[Series]) -> ContainerPaths:
    paths = ContainerPaths(base)
    for name, rows in channels.items():
        paths.channel(name).mkdir(parents=True)
        text = "".join(json.dumps(one.document()) + "\n" for one in rows)
        (paths.channel(name) / "a.json").write_text(text)
    return paths


@pytest.mark.parametrize("values", [-3.0, -0.01, 0.01])
def test_a_new_device_below_zero_is_forecast_in_order_and_not_as_zero(values: float) -> None:
    noise = np.random.default_rng(1).normal(values, 1, 24 * DAYS).astype(np.float32)
    model, _ = training.fit([series()], QUICK)
    (found,) = model.forecast([replace(series((9, 0)), target=noise)], 10)
    rows = found.quantiles([0.1, 0.5, 0.9])
    assert (np.diff(rows, axis=0) >= 0).all()
    assert (rows[1] > 0).any()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "channel 'train' is missing"),
        ({"_SUCCESS": "", ".a.json.crc": "x"}, "channel 'train' holds no series"),
        ({"a.csv": "1,2"}, "a.csv: expected a name ending in"),
        ({"a.json": '{"start": "2024-01-01"}'}, "a.json, line 1: target is missing"),
    ],
    ids=["missing", "no-file", "other-format", "bad-line"],
)
def test_a_channel_that_cannot_be_read_is_named(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    paths = ContainerPaths(tmp_path)
    for name, text in files.items():
        paths.channel("train").mkdir(parents=True, exist_ok=True)
        (paths.channel("train") / name).write_text(text)
    with pytest.raises(DataError, match=message):
        commands.run(paths, HOURLY)


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artefact")
    model, _ = training.fit([series()], QUICK)
    model.save(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.json", b'{"format": 99}', "expected format .*, got 99; .* another version"),
        ("model.json", b"[]", "expected format"),
        ("model.json", b"{", "Expecting property name"),
        ("model.json", b'{"format": FORMAT}', "model.json is damaged: KeyError"),
        (
            "trees-0-first-0-0.1.txt.gz",
            b"\x1f\x8b",
            "trees-0-first-0-0.1.txt.gz cannot be read|Compressed file",
        ),
        ("trees-0-first-0-0.1.txt.gz", None, "No such file"),
        ("model.json", None, "No such file"),
    ],
    ids=[
        "version",
        "type",
        "truncated",
        "fields",
        "truncated-tree",
        "missing-tree",
        "missing-model",
    ],
)
def test_a_damaged_or_foreign_artefact_is_not_served(
    artefact: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    message: str,
) -> None:
    folder = ContainerPaths(tmp_path).model
    folder.mkdir()
    for path in artefact.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    if content is None:
        (folder / name).unlink()
    else:
        current = json.loads((artefact / "model.json").read_text())["format"]
        (folder / name).write_bytes(content.replace(b"FORMAT", str(current).encode()))
    with pytest.raises((ValueError, OSError), match=message):
        Boosting.load(folder)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    assert serve(Boosting.load) == 1
    assert f"the model in {folder} cannot be served" in capfd.readouterr().out


def test_trees_with_changed_bytes_are_rejected(artefact: Path, tmp_path: Path) -> None:
    for path in artefact.iterdir():
        content = path.read_bytes()
        flipped = content[:40] + bytes(255 - byte for byte in content[40:60]) + content[60:]
        (tmp_path / path.name).write_bytes(flipped if path.suffix == ".gz" else content)
    with pytest.raises((ValueError, OSError)):
        Boosting.load(tmp_path)
