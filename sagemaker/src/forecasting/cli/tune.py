"""Implements ``make tune``: runs a search, shows the trials, and passes the best to the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from contracts.names import Names
from contracts.settings.schema import Settings
from forecasting.errors import ForecastingError
from forecasting.jobs import search_settings, tuning, tuning_channels
from forecasting.jobs.search_settings import Search
from forecasting.jobs.tuning import Trial, TuningState
from forecasting.machines import retraining


@dataclass(frozen=True)
class Options:
    """Options of a search; None means the value in the settings or the file of ranges."""

    model: str | None
    search: Path
    jobs: int | None
    parallel: int | None
    gate: bool
    job: str | None = None
    stop: bool = False


def run(options: Options, session: Any, names: Names, settings: Settings, console: Console) -> None:
    """Tunes the algorithm that the options or the settings name."""
    algorithm = options.model or settings.of(names.workload).training.algorithm
    search = search_settings.read(
        algorithm, options.search, jobs=options.jobs, parallel=options.parallel
    )
    if options.stop:
        if not options.job:
            raise ForecastingError("name the tuning job to stop: make tune JOB=… STOP=1")
        tuning.stop(session, options.job)
        console.print(f"stopping tuning job {options.job} and its trainings", soft_wrap=True)
        return
    tune(
        session,
        names,
        settings,
        search,
        console,
        algorithm=algorithm,
        gate=options.gate,
        job=options.job,
    )


def tune(
    session: Any,
    names: Names,
    settings: Settings,
    search: Search,
    console: Console,
    *,
    algorithm: str,
    gate: bool,
    job: str | None = None,
) -> None:
    """Runs a tuning job until it ends; an interrupted wait can be resumed.

    Parameters
    ----------
    gate
        Whether to retrain with the best values, whose gate decides whether they are better.
    job
        A tuning job started earlier to wait for; no new one is started.

    Raises
    ------
    ForecastingError
        A job was refused or failed, or none of its trainings was measured.
    """
    name = job or tuning.job_name(names, datetime.now(UTC))
    if job is None:
        console.print(f"tuning job {name}: up to {search.jobs} trainings of {algorithm}")
        _start(session, names, settings, search, console, algorithm=algorithm, name=name)
    state = _wait(session, search, console, name)
    console.print(trial_table(state, search))
    if state.best is None:
        raise ForecastingError(f"tuning job {name} {state.status.lower()}: nothing was measured")
    console.print(f"best of {len(state.trials)} trainings; to keep it in infra/environments/:")
    console.print(best_as_toml(algorithm, state.best), markup=False, highlight=False)
    if state.status != "Completed":
        console.print("the job was stopped, so its best is left to you")
    elif gate:
        given = {
            **settings.of(names.workload).training.hyperparameters[algorithm],
            **state.best.values,
        }
        run = retrain(session, names, algorithm, given, reason=f"tuning {name}")
        console.print(
            f"retraining run {run} trains with it, and its gate has the last word", soft_wrap=True
        )
    console.print("next: make experiments SHOW=1")


def _start(
    session: Any,
    names: Names,
    settings: Settings,
    search: Search,
    console: Console,
    *,
    algorithm: str,
    name: str,
) -> None:
    """Holds days out and starts the search, which is evaluated on them."""
    with console.status("holding days out") as status:
        held_out = tuning_channels.run(
            session,
            names,
            settings,
            search,
            name=name,
            report=lambda now: status.update(f"holding days out: {now}"),
        )
    console.print(
        f"measured on {search.origins} origins from {held_out['first_origin']} to "
        f"{held_out['last_origin']} (UTC), {held_out['test']} forecasts a training; "
        f"the {settings.forecast.retraining.origins} origins after them are the gate's",
        soft_wrap=True,
    )
    tuning.start(session, names, settings, search, algorithm=algorithm, name=name)


def _wait(session: Any, search: Search, console: Console, name: str) -> TuningState:
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task("starting", total=search.jobs)
        return tuning.wait(
            session,
            name,
            lambda now: bars.update(
                task, completed=now.ended, description=progress(now, search.jobs)
            ),
        )


def retrain(
    session: Any, names: Names, algorithm: str, hyperparameters: Mapping[str, str], reason: str
) -> str:
    """Starts a retraining run with the best values on the current channels, without the ETL."""
    commit = retraining.commit()
    wanted = {
        "algorithm": algorithm,
        "hyperparameters": hyperparameters,
        "reason": reason,
        "etl": False,
        **({"commit": commit} if commit else {}),
    }
    execution = retraining.start(session, names, wanted, datetime.now(UTC))
    return execution.rpartition(":")[2]


def progress(state: TuningState, jobs: int) -> str:
    """Describes the job's progress and the best result so far."""
    done = f"{state.ended} of {jobs} trainings"
    if state.best is None:
        return done
    return f"{done}, best {state.best.objective:.4f} by {_number(state, state.best)}"


def trial_table(state: TuningState, search: Search) -> Table:
    """Builds a table of the trials, best first."""
    table = Table(title=f"{state.job}: {search.objective}, {search.goal.lower()}d")
    table.add_column("training")
    for title in ("objective", *search.ranges):
        table.add_column(title.replace("_", " "), justify="right", overflow="fold")
    for trial in state.trials:
        measured = "–" if trial.objective is None else f"{trial.objective:.4f}"
        shown = measured if trial.status == "Completed" else trial.status
        table.add_row(
            _number(state, trial),
            shown,
            *(_short(trial.values.get(name, "–")) for name in search.ranges),
            style="bold" if trial is state.best else None,
        )
    return table


def best_as_toml(algorithm: str, best: Trial) -> str:
    """Formats the tuned values for an environment's settings file."""
    lines = [f'{name} = "{value}"' for name, value in best.values.items()]
    return "\n".join([f"[forecast.training.hyperparameters.{algorithm}]", *lines])


def _number(state: TuningState, trial: Trial) -> str:
    """Returns the trial's number in the job, such as ``007``."""
    return trial.job.removeprefix(f"{state.job}-").partition("-")[0]


def _short(value: str) -> str:
    """Formats a number with four digits; returns other values unchanged."""
    try:
        return f"{float(value):.4g}"
    except ValueError:
        return value
