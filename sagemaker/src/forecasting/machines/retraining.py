"""Starts executions of the state machine ``retrain``, follows them and reads their outcome."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.lake.locations import bucket_and_key
from contracts.models import naming
from contracts.names import Names
from forecasting.errors import ForecastingError
from forecasting.machines.executions import machine_expected
from forecasting.polling import final_state

STEPS = ("Crawl", "Readings", "Series", "Hold out", "Train", "Predict", "Judge", "Register")
"""Long-running states of the machine, in order."""

FILES = ("report.html", "metrics.json", "gate.json")
"""Files of a run's report, in its folder ``report/``."""


@dataclass(frozen=True)
class Step:
    """A step of an execution.

    Parameters
    ----------
    seconds
        Duration; None while the step is in progress.
    """

    name: str
    began: datetime
    seconds: float | None


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

    Parameters
    ----------
    accepted
        Whether the gate accepted the candidate.
    figures
        Metrics stored with the version; None if unavailable, for example without a champion.
    approval
        Approval status of the version, SageMaker's ``ModelApprovalStatus``.
    report
        S3 URI of the folder with `FILES`.
    """

    run: str
    accepted: bool
    reasons: str
    figures: Mapping[str, float | None]
    version: int
    approval: str
    report: str

    @classmethod
    def of(cls, output: Mapping[str, Any]) -> Outcome:
        """Reads an execution's output."""
        words = ("run", "verdict", "reasons", "package", "approval", "report")
        return cls(
            run=output["run"],
            accepted=output["verdict"] == "accepted",
            reasons=output["reasons"],
            figures={name: value for name, value in output.items() if name not in words},
            version=int(output["package"].rpartition("/")[2]),
            approval=output["approval"],
            report=output["report"],
        )


def start(session: Any, names: Names, given: Mapping[str, Any], now: datetime) -> str:
    """Starts a run, unless one is in progress, and returns the execution's ARN.

    Parameters
    ----------
    given
        The state machine's input.

    Raises
    ------
    ForecastingError
        A run is in progress, or the state machine does not exist.
    """
    states = session.client("stepfunctions")
    machine = names.state_machine_arn(names.retrain_machine)
    with machine_expected(names.retrain_machine):
        running = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
        if running["executions"]:
            one = running["executions"][0]
            raise ForecastingError(
                f"run {one['name']} is under way since "
                f"{one['startDate'].astimezone(UTC):%Y-%m-%d %H:%M} UTC, and one runs at a time: "
                f"wait for its end, or stop execution {one['executionArn']}"
            )
        found = states.start_execution(
            stateMachineArn=machine,
            name=naming.execution(now, secrets.token_hex(2)),
            input=json.dumps(given, allow_nan=False),
        )
    return str(found["executionArn"])


def under_way(session: Any, names: Names, run: str) -> str | None:
    """Returns the running execution of a run, or None."""
    pages = (
        session.client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(
            stateMachineArn=names.state_machine_arn(names.retrain_machine), statusFilter="RUNNING"
        )
    )
    with machine_expected(names.retrain_machine):
        for page in pages:
            for one in page["executions"]:
                if run in (one["name"], naming.run(one["name"], one["startDate"])):
                    return str(one["executionArn"])
    return None


def given_to(session: Any, names: Names, run: str) -> dict[str, Any]:
    """Returns the input of a failed run, with which to resume it.

    Raises
    ------
    ForecastingError
        There is no failed run of that name.
    """
    states = session.client("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=names.state_machine_arn(names.retrain_machine)
    )
    failed = [
        one
        for page in pages
        for one in page["executions"]
        if one["status"] not in ("RUNNING", "SUCCEEDED")
    ]
    for one in failed:
        if run in (one["name"], naming.run(one["name"], one["startDate"])):
            found = states.describe_execution(executionArn=one["executionArn"])
            given: dict[str, Any] = json.loads(found["input"])
            return given
    known = ", ".join(naming.run(one["name"], one["startDate"]) for one in failed[:5])
    raise ForecastingError(f"no run {run} has failed; the newest that have: {known or 'none'}")


def follow(
    session: Any, execution: str, run: str, report: Callable[[Sequence[Step]], None]
) -> tuple[Outcome, list[Step]]:
    """Reports the steps of a run until it ends, and returns its outcome and all its steps.

    Parameters
    ----------
    run
        Name of the run.

    Raises
    ------
    ForecastingError
        The run failed or was stopped; with its own message.
    """
    states = session.client("stepfunctions")
    found = final_state(
        lambda: states.describe_execution(executionArn=execution),
        lambda now: now["status"] != "RUNNING",
        lambda _: report(steps(_events(states, execution))),
        left=f"run {run} goes on by itself; make retrain RESUME={run} follows it again",
    )
    if found["status"] != "SUCCEEDED":
        raise ForecastingError(found.get("cause") or f"{execution} {found['status'].lower()}")
    return Outcome.of(json.loads(found["output"])), steps(_events(states, execution))


def steps(events: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Returns the steps of an execution so far, from its history with the oldest event first.

    A step lasts until another state is entered; states whose names start with the step's name
    belong to it.
    """
    found: list[Step] = []
    for event in events:
        if "stateEnteredEventDetails" not in event:
            continue
        name, when = event["stateEnteredEventDetails"]["name"], event["timestamp"]
        if found and found[-1].seconds is None:
            last = found[-1]
            found[-1] = replace(last, seconds=(when - last.began).total_seconds())
        step = next((step for step in STEPS if name.startswith(step)), None)
        if found and step == found[-1].name:
            found[-1] = replace(found[-1], seconds=None)
        elif step is not None:
            found.append(Step(step, when, None))
    return found


def _events(states: Any, execution: str) -> Iterator[Mapping[str, Any]]:
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
    for page in pages:
        yield from page["events"]


def download(session: Any, outcome: Outcome, folder: Path) -> Path:
    """Downloads a run's report to ``<folder>/<run>/``, and returns the path of its HTML file."""
    bucket, prefix = bucket_and_key(outcome.report)
    target = folder / outcome.run
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        session.client("s3").download_file(bucket, f"{prefix}{name}", str(target / name))
    return target / FILES[0]


def commit() -> str | None:
    """Returns the commit that is checked out; None outside a repository."""
    try:
        told = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.stdout.strip()
