"""Verbs that start work in AWS, or wait again for work that was started before."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from forecasting.cli import commands, tune
from forecasting.errors import ForecastingError
from forecasting.jobs import search_settings, training, tuning, tuning_channels
from forecasting.jobs.training import TrainingState
from forecasting.jobs.tuning import Trial, TuningState
from rich.console import Console

from contracts.names import Names
from contracts.settings.load import load

NAMES = Names("dev", "123456789012", "eu-west-1")
TRIAL = Trial("tune-1-001", "Completed", 0.25, {"rounds": "300"})
OPTIONS = tune.Options("boosting", search_settings.FILE, None, None, gate=False)


@pytest.fixture
def settings():
    return load("dev")


@pytest.fixture
def done(monkeypatch):
    """Calls of AWS that the verbs made."""
    calls: list[str] = []

    def record(module, name, answer=None):
        def call(*_, **given):
            calls.append(f"{name} {given.get('name', '')}".strip())
            return answer

        monkeypatch.setattr(module, name, call)

    state = TrainingState("job", "Completed", "", "", {"train:final_loss": 0.5})
    record(training, "start", "job-new")
    record(training, "wait", state)
    held_out = {"first_origin": "a", "last_origin": "b", "test": 4}
    record(tuning_channels, "run", held_out)
    record(tuning, "start")
    record(tuning, "stop")
    monkeypatch.setattr(tuning, "job_name", lambda *_: "tune-1")
    record(tuning, "wait", TuningState("tune-1", "Completed", "", (TRIAL,)))
    return calls


def console():
    return Console(file=io.StringIO(), width=200)


def test_a_training_is_started_and_waited_for(done, settings):
    commands.train(None, NAMES, settings, "boosting", console())
    assert done == ["start", "wait"]


def test_a_running_training_is_only_waited_for(done, settings):
    shown = console()
    commands.train(None, NAMES, settings, None, shown, job="job-before")
    assert done == ["wait"]
    assert "job-before completed: train:final_loss 0.5000" in shown.file.getvalue()


def test_a_search_holds_days_out_and_is_started_and_waited_for(done, settings):
    shown = console()
    tune.run(OPTIONS, None, NAMES, settings, shown)
    assert done == ["run tune-1", "start tune-1", "wait"]
    assert 'rounds = "300"' in shown.file.getvalue()


def test_a_running_search_is_only_waited_for(done, settings):
    tune.run(replace(OPTIONS, job="tune-1"), None, NAMES, settings, console())
    assert done == ["wait"]


def test_a_search_is_stopped_by_its_name(done, settings):
    shown = console()
    tune.run(replace(OPTIONS, job="tune-1", stop=True), None, NAMES, settings, shown)
    assert done == ["stop"]
    assert "stopping tuning job tune-1 and its trainings" in shown.file.getvalue()
    with pytest.raises(ForecastingError, match="make tune JOB=… STOP=1"):
        tune.run(replace(OPTIONS, stop=True), None, NAMES, settings, console())
