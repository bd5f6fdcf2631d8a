"""What a retraining run is shown as, and asked with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from forecasting.cli import retrain
from forecasting.cli.verbs import training
from forecasting.errors import ForecastingError
from forecasting.machines import retraining
from forecasting.machines.retraining import Outcome

from contracts.models import naming
from contracts.names import Names
from lakecast.__main__ import main

BEGAN = datetime(2026, 11, 21, 10, tzinfo=UTC)
OUTPUT = {
    "run": "20261121-100000-abcd",
    "verdict": "accepted",
    "reasons": "its loss 0.3660 is below 0.4700 of persistence",
    "wql": 0.366,
    "wql_champion": 0.37,
    "wql_persistence": 0.47,
    "wql_naive_24": 0.55,
    "nd": 0.46,
    "mase": 0.78,
    "coverage_80": 0.79,
    "package": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/lakecast-dev-forecast/12",
    "approval": "Approved",
    "report": "s3://models/evaluations/20261121-100000-abcd/report/",
}


def entered(*names: str) -> list[dict]:
    """A history in which a state is entered every ten seconds."""
    return [
        {
            "timestamp": BEGAN + timedelta(seconds=10 * number),
            "stateEnteredEventDetails": {"name": name},
        }
        for number, name in enumerate(names)
    ]


def test_steps_last_until_another_state_and_states_of_a_step_belong_to_it():
    events = entered("Lock", "Crawl", "Crawling", "Crawled", "Crawling", "Crawled", "Readings")
    crawl, readings = retraining.steps(events)
    assert (crawl.name, crawl.seconds) == ("Crawl", 50)
    assert (readings.name, readings.seconds) == ("Readings", None)


def test_a_step_that_is_left_and_entered_again_is_one():
    found = retraining.steps(
        entered("Crawl", "Did the crawl succeed", "Crawling", "Series", "Done")
    )
    assert [(step.name, step.seconds) for step in found] == [("Crawl", 30), ("Series", 10)]


def test_completed_work_of_a_resumed_run_is_no_step():
    found = retraining.steps(entered("Find origins", "Is origins done", "Find train", "Train"))
    assert [step.name for step in found] == ["Train"]


@pytest.fixture
def options(monkeypatch):
    """Input of the machine that the options amount to."""

    def read(*words: str) -> retrain.Options:
        found: list[retrain.Options] = []
        monkeypatch.setattr(training, "account", lambda _: (None, None))
        monkeypatch.setattr(retrain, "run", lambda options, *_: found.append(options))
        assert main(["models", "retrain", *words]) == 0
        return found[0]

    return read


def test_only_given_options_are_in_the_machines_input(options):
    wanted = retrain.wanted(options())
    assert set(wanted) <= {"commit"}
    wanted = retrain.wanted(
        options("--model", "deepar", "--set", "epochs=3", "num_cells=20", "--no-etl",
                "--start", "2026-06-03T02:00+02:00", "--reason", "a trial")
    )  # fmt: skip
    assert wanted["algorithm"] == "deepar"
    assert wanted["hyperparameters"] == {"epochs": "3", "num_cells": "20"}
    assert wanted["window"] == {"start": "2026-06-03T00:00:00Z"}
    assert (wanted["etl"], wanted["reason"]) == (False, "a trial")


def test_a_resumed_run_keeps_its_algorithm(options):
    assert retrain.wanted(options("--resume", "x"))["resume"] == "x"
    with pytest.raises(ForecastingError, match="RESUME without MODEL"):
        retrain.wanted(options("--resume", "x", "--model", "deepar"))


def test_a_run_that_eventbridge_started_has_a_short_name():
    assert naming.run("20261121-100000-abcd", BEGAN) == "20261121-100000-abcd"
    name = naming.run("f0" * 30, BEGAN)
    assert name == "20261121-100000-9f2c"


@pytest.mark.parametrize("text", ["rounds", "=3", "rounds="])
def test_a_hyperparameter_without_name_or_value_is_refused(options, text):
    with pytest.raises(ForecastingError, match="NAME=VALUE"):
        retrain.wanted(options("--set", text))


@pytest.mark.parametrize(
    ("approval", "verdict", "says"),
    [
        ("Approved", "accepted", "version 12 is approved"),
        ("PendingManualApproval", "accepted", "make approve VERSION=12"),
        ("Rejected", "rejected", "version 12 is kept as rejected"),
    ],
)
def test_the_last_lines_state_the_verdict_and_the_next_command(approval, verdict, says):
    outcome = Outcome.of({**OUTPUT, "approval": approval, "verdict": verdict})
    first, reason, *_, last = retrain.conclusion(outcome, Path("report.html"))
    assert first == f"the gate {verdict} it:"
    assert reason.strip() == OUTPUT["reasons"]
    assert says in last


def test_the_table_shows_the_champion_where_there_is_one():
    def first_column(output):
        return list(retrain.figures(Outcome.of(output)).columns[0].cells)

    assert "champion, on what both know" in first_column(OUTPUT)
    assert "champion, on what both know" not in first_column({**OUTPUT, "wql_champion": None})


class Machine:
    """Step Functions with one execution under way."""

    started: str | None = None

    def client(self, _):
        return self

    def get_paginator(self, operation):
        assert operation == "list_executions"
        return self

    def paginate(self, **request):
        assert request["statusFilter"] == "RUNNING"
        one = {"name": "20261121-100000-abcd", "startDate": BEGAN, "executionArn": "arn:running"}
        return [{"executions": [one]}]


def test_a_running_run_is_followed_and_no_other_is_started():
    names = Names("dev", "123456789012", "eu-west-1")
    assert retraining.under_way(Machine(), names, "20261121-100000-abcd") == "arn:running"
    assert retraining.under_way(Machine(), names, "20261120-100000-abcd") is None
