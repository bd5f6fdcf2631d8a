"""Implements ``make etl``: runs each job on its windows of arrivals and prints the counts."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from contracts.names import BUILD_SERIES, COMPACT, TELEMETRY_TO_PARQUET
from glue_jobs.operator.backfill import Outcome, Plan, Range, plan, run_windows
from glue_jobs.operator.errors import JobFailedError
from glue_jobs.operator.job_client import JobClient, Window, iso

INTERRUPTED = 130  # exit code of a program that Ctrl-C ended
JOB_OPTIONS = {
    BUILD_SERIES: ("full", "channel_format"),
    COMPACT: ("closed_after_hours", "retain_hours", "force"),
}
IN_BAR = ("read", "kept", "duplicates", "quarantined")


@dataclass(frozen=True)
class Order:
    """The jobs to run, with their options.

    Parameters
    ----------
    jobs
        Names from `contracts.names.GLUE_JOBS`, in their order.
    parallel
        Number of windows processed in parallel.
    cut, max_quarantined_share
        See `Window`.
    options
        Options of jobs without windows, see `JOB_OPTIONS`.
    """

    jobs: Sequence[str]
    arrivals: Range
    parallel: int
    cut: datetime | None
    max_quarantined_share: float | None
    options: Mapping[str, str]

    def __post_init__(self) -> None:
        known = {name for job in self.jobs for name in JOB_OPTIONS.get(job, ())}
        for name in sorted(self.options.keys() - known):
            jobs = " and ".join(job for job, names in JOB_OPTIONS.items() if name in names)
            raise JobFailedError(f"--{name.replace('_', '-')} is an option of {jobs} only")


def etl(client: JobClient, order: Order, console: Console) -> int:
    """Run the jobs, print their counts and the next command, and return the exit code.

    Raises
    ------
    JobFailedError
        A job cannot be started, or a job without windows fails.
    """
    for job in order.jobs:
        if job == TELEMETRY_TO_PARQUET:
            code = _windows(client, order, console)
            if code != 0:
                return code
            continue
        outcomes: list[Outcome] = []
        known = {name: order.options[name] for name in JOB_OPTIONS[job] if name in order.options}
        _run(client, job, [Window(cut=order.cut, options=known)], console, outcomes)
        if outcomes[0].error is not None:
            raise JobFailedError(outcomes[0].error)
        console.print(_table(job, outcomes))
    if COMPACT not in order.jobs:
        print(f"next: make train ENV={client.names.environment}")
    return 0


def _windows(client: JobClient, order: Order, console: Console) -> int:
    began = datetime.now(UTC)
    allowed = client.concurrent_runs(TELEMETRY_TO_PARQUET)
    if not 1 <= order.parallel <= allowed:
        raise JobFailedError(
            f"PARALLEL must be 1 to {allowed}, the job's concurrent runs (glue.concurrent_runs in "
            f"infra/environments/{client.names.environment}.toml); got {order.parallel}"
        )
    planned = plan(client, order.arrivals, began)
    if planned.done:
        console.print(f"skipped {len(planned.done)} windows that are done")
    share = order.max_quarantined_share
    windows = [Window(*span, max_quarantined_share=share) for span in planned.left]
    outcomes: list[Outcome] = []
    stopped = False
    try:
        _run(client, TELEMETRY_TO_PARQUET, windows, console, outcomes, parallel=order.parallel)
    except KeyboardInterrupt:
        stopped = True
    if any(outcome.run for outcome in outcomes):
        console.print(_table(TELEMETRY_TO_PARQUET, outcomes))
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in failed:
        _complain(f"{_between(outcome.window)}{outcome.error}")
    if stopped or failed:
        left = len(windows) - len(outcomes) + len(failed)
        _complain(
            f"{left} of {len(windows)} windows are not done; continue with\n"
            f"  {_again(client, order, planned, began)}"
        )
    return INTERRUPTED if stopped else 1 if failed else 0


def _run(
    client: JobClient,
    job: str,
    windows: Sequence[Window],
    console: Console,
    outcomes: list[Outcome],
    *,
    parallel: int = 1,
) -> None:
    """Run a job on windows and collect the outcomes, with a progress bar on a terminal."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[counts]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar, closing(run_windows(client, job, windows, parallel)) as ending:
        task = bar.add_task(job, total=len(windows), counts="")
        for outcome in ending:
            outcomes.append(outcome)
            bar.update(task, advance=1, counts=_in_short(outcomes))


def _in_short(outcomes: Sequence[Outcome]) -> str:
    counts = dict(_rows(_totals(outcomes)))
    words = [f"{counts[name]:,} {name}" for name in IN_BAR if name in counts]
    failed = sum(outcome.error is not None for outcome in outcomes)
    return ", ".join([*words, *([f"[red]{failed} failed[/]"] if failed else [])])


def _totals(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the sums of all runs' counts, and the last run's value for all other fields."""
    totals: dict[str, Any] = {}
    for outcome in outcomes:
        for name, value in (outcome.run.counts if outcome.run else {}).items():
            if isinstance(value, dict):
                totals[name] = dict(Counter(totals.get(name, {})) + Counter(value))
            else:
                totals[name] = totals.get(name, 0) + value if isinstance(value, int) else value
    return totals


def _table(job: str, outcomes: Sequence[Outcome]) -> Table:
    runs = [outcome.run for outcome in outcomes if outcome.run is not None]
    seconds = f"{sum(run.seconds for run in runs)} s"
    title = f"{job}, {seconds}" if len(runs) == 1 else f"{job}, {len(runs)} windows, {seconds}"
    table = Table(title=title, title_justify="left", show_header=False, min_width=40)
    table.add_column()
    table.add_column(justify="right")
    for name, value in _rows(_totals(outcomes)):
        table.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    return table


def _rows(counts: dict[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in counts.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            rows.append((label, sum(value.values())))
            rows += [(f"  {reason}", count) for reason, count in value.items()]
        else:
            rows.append((label, value))
    return rows


def _again(client: JobClient, order: Order, planned: Plan, began: datetime) -> str:
    """Return the command for the remaining windows; it skips those done since the first attempt."""
    arrivals, (start, end) = order.arrivals, planned.span
    words = {
        "ENV": client.names.environment,
        "START": iso(start),
        "END": iso(end),
        "WINDOW": f"{arrivals.window // timedelta(hours=1)}h",
        "PARALLEL": str(order.parallel),
        "RESUME": iso(arrivals.since or began),
    }
    return "make etl " + " ".join(f"{name}={value}" for name, value in words.items())


def _between(window: Window) -> str:
    return f"{iso(window.start)} to {iso(window.end)}: " if window.start and window.end else ""


def _complain(message: str) -> None:
    print(f"etl: {message}", file=sys.stderr)
