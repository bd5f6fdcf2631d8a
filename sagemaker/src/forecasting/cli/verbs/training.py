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
        Running training job to wait for, instead of starting one.
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
    """Train a new version and let the gate judge it.

    Parameters
    ----------
    set
        Hyperparameters that replace the settings', such as rounds=300.
    start
        Start of the arrivals that the ETL processes, such as 2026-01-31T12:00:00Z; default: from
        the settings.
    end
        End of the arrivals; default: an hour from now.
    etl
        Run the ETL first, instead of using the present channels.
    reason
        Reason that is stored with the version.
    resume
        Run to resume: a running one is followed; a failed one continues with its own input, and
        reuses completed jobs.
    output
        Folder for reports; default: STATE/retraining.
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
    search: Annotated[Path, Parameter(show_default="sagemaker/tuning.toml")] = search_settings.FILE,
    job: str | None = None,
    stop: bool = False,
    place: SettingsOptions = SettingsOptions(),
) -> None:
    """Search for better hyperparameters.

    Parameters
    ----------
    jobs
        Number of trainings; default: from the file of ranges.
    parallel
        Number of trainings in parallel; default: from the file of ranges.
    gate
        Retrain with the best values, so that the gate judges them.
    search
        File of ranges.
    job
        Running tuning job to wait for, instead of starting one.
    stop
        Stop the job given by --job, and its trainings.
    """
    session, names = account(place.env)
    options = tuning.Options(model, search, jobs, parallel, gate, job, stop)
    tuning.run(options, session, names, place.load(), Console())


def images(*, env: Environment = "local") -> None:
    """Build the estate's own images and push them (needs Docker)."""
    session, names = account(env)
    image_builds.run(session, names, Console())
