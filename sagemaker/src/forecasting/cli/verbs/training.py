"""Commands that train and tune models and build images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from forecasting.cli import commands
from forecasting.cli import retrain as retraining
from forecasting.cli import tune as tuning
from forecasting.cli.options import (
    STATE,
    Algorithm,
    Count,
    Environment,
    SettingsOptions,
    State,
    Time,
    account,
)
from forecasting.jobs import image_builds, search_settings


def train(
    *,
    model: Algorithm = None,
    job: str | None = None,
    place: SettingsOptions = SettingsOptions(),
) -> None:
    """Train a model on the lake's channels.

    Parameters
    ----------
    job
        Training job to wait for again; no other one is started.
    """
    session, names = account(place.env)
    commands.train(session, names, place.load(), model, Console(), job=job)


def retrain(
    *,
    model: Algorithm = None,
    set: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    start: Time | None = None,
    end: Time | None = None,
    etl: bool = True,
    reason: str | None = None,
    resume: str | None = None,
    output: Path | None = None,
    env: Environment = "local",
    state: State = STATE,
) -> None:
    """Make a new version and let the gate judge it.

    Parameters
    ----------
    set
        Hyperparameters instead of the settings', such as rounds=300.
    start
        Start of the arrivals to read first, such as 2026-01-31T12:00:00Z.
    end
        End of the arrivals; now where not given.
    etl
        Run the ETL first; else the channels are taken as they are.
    reason
        Kept with the version.
    resume
        Run to go on with: one under way is followed; one that failed continues as it was asked
        for, and what completed is not done again.
    output
        Folder for reports; STATE/retraining where not given.
    """
    session, names = account(env)
    options = retraining.Options(
        model=model,
        set=set,
        start=start,
        end=end,
        etl=etl,
        reason=reason,
        resume=resume,
        output=output or state / "retraining",
    )
    retraining.run(options, session, names, Console())


def tune(
    *,
    model: Algorithm = None,
    jobs: Count | None = None,
    parallel: Count | None = None,
    gate: bool = True,
    search: Path = search_settings.FILE,
    job: str | None = None,
    stop: bool = False,
    place: SettingsOptions = SettingsOptions(),
) -> None:
    """Search for better hyperparameters.

    Parameters
    ----------
    jobs
        Trainings in all; as many as the ranges' file says where not given.
    parallel
        Trainings at a time; as many as that file says where not given.
    gate
        Let retraining judge the best.
    search
        File of the ranges.
    job
        Tuning job to wait for again; no other one is started.
    stop
        Stop that job and its trainings.
    """
    session, names = account(place.env)
    options = tuning.Options(model, search, jobs, parallel, gate, job, stop)
    tuning.run(options, session, names, place.load(), Console())


def images(*, env: Environment = "local") -> None:
    """Build our own images and push them (needs Docker)."""
    session, names = account(env)
    image_builds.run(session, names, Console())
