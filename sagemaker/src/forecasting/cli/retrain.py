"""Implements ``make retrain``: runs the state machine ``retrain``, prints its steps and outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from contracts.names import Names
from forecasting.errors import ForecastingError
from forecasting.machines import retraining
from forecasting.machines.retraining import Outcome, Step
from forecasting.releases.registry import APPROVED, PENDING

_BASELINES = {"persistence": "wql_persistence", "daily seasonal naive": "wql_naive_24"}


@dataclass(frozen=True)
class Options:
    """Options of a run; `wanted` converts them to the state machine's input.

    Parameters
    ----------
    output
        Folder for reports.
    """

    output: Path
    model: str | None = None
    set: Sequence[str] = ()
    start: datetime | None = None
    end: datetime | None = None
    etl: bool = True
    reason: str | None = None
    resume: str | None = None


def run(options: Options, session: Any, names: Names, console: Console) -> None:
    """Retrains and prints the outcome; a rejected candidate is an outcome, not an error."""
    given = wanted(options)
    execution = retraining.under_way(session, names, options.resume) if options.resume else None
    if execution is None:
        if options.resume:
            given = {**retraining.given_to(session, names, options.resume), **given}
        execution = retraining.start(session, names, given, datetime.now(UTC))
    name = options.resume or execution.rpartition(":")[2]
    console.print(f"run {name} of {names.retrain_machine}", soft_wrap=True)
    shown = _Shown(console)
    with console.status("Starting") as status:

        def report(steps: Sequence[Step]) -> None:
            if steps:
                shown.print(steps[:-1])
                status.update(f"{steps[-1].name} …")

        outcome, steps = retraining.follow(session, execution, name, report)
    shown.print(steps)
    page = retraining.download(session, outcome, options.output)
    console.print(figures(outcome))
    for line in conclusion(outcome, page):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


class _Shown:
    """Prints one line per completed step."""

    def __init__(self, console: Console) -> None:
        self._console, self._count = console, 0

    def print(self, steps: Sequence[Step]) -> None:
        for step in steps[self._count :]:
            self._console.print(f"  {step.name:<9} {step.seconds or 0:6.0f} s")
        self._count = max(self._count, len(steps))


def wanted(options: Options) -> dict[str, Any]:
    """Returns the state machine's input, which contains only the options that were given.

    Raises
    ------
    ForecastingError
        A hyperparameter is invalid, or a run should be resumed with another algorithm.
    """
    if options.resume and options.model:
        raise ForecastingError("a run goes on with its own algorithm: say RESUME without MODEL")
    window = {"start": options.start, "end": options.end}
    given = {
        "algorithm": options.model,
        "hyperparameters": dict(_pair(text) for text in options.set),
        "window": {word: _text(time) for word, time in window.items() if time},
        "commit": retraining.commit(),
        "reason": options.reason,
        "resume": options.resume,
    }
    given = {name: value for name, value in given.items() if value}
    return given if options.etl else {**given, "etl": False}


def figures(outcome: Outcome) -> Table:
    """Builds a table that compares the candidate with the models it was measured against."""
    found = outcome.figures
    table = Table(title="Forecasts of days that the candidate has not seen")
    table.add_column("")
    for title in ("wQL", "ND", "MASE", "in 80 % band"):
        table.add_column(title, justify="right")
    own = (found["wql"], found["nd"], found["mase"], found["coverage_80"])
    table.add_row("candidate", *map(_number, own), style="bold")
    if found["wql_champion"] is not None:
        table.add_row("champion, on what both know", _number(found["wql_champion"]))
    for name, figure in _BASELINES.items():
        table.add_row(name, _number(found[figure]))
    return table


def conclusion(outcome: Outcome, page: Path) -> list[str]:
    """Returns the decision with its reasons, the candidate's status, and what to do next."""
    version = f"version {outcome.version}"
    following = {
        APPROVED: f"{version} is approved and goes into service; next: make models",
        PENDING: f"{version} waits for you: make approve VERSION={outcome.version}, or make reject",
    }
    return [
        f"the gate {'accepted' if outcome.accepted else 'rejected'} it:",
        *(f"  {reason}" for reason in outcome.reasons.split("; ")),
        f"report {page}",
        following.get(
            outcome.approval, f"{version} is kept as rejected; next: make tune, or look at the data"
        ),
    ]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise ForecastingError(f"a hyperparameter is NAME=VALUE, as rounds=300; got {text!r}")
    return name, value


def _text(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
