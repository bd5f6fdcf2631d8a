"""Processes a long range of arrivals in windows, several in parallel if the job allows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.names import TELEMETRY_TO_PARQUET
from glue_jobs.operator.errors import JobFailedError
from glue_jobs.operator.job_client import FinishedRun, JobClient, Watch, Window, iso

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Span = tuple[datetime, datetime]
"""Arrivals ``[start, end)``."""


@dataclass(frozen=True)
class Range:
    """A range of arrivals to process.

    Parameters
    ----------
    start, end
        Arrivals ``[start, end)``; None uses the defaults of `Window`.
    window
        Length of a window, at least an hour, because each folder of raw messages covers an hour.
    since
        Windows that a run has processed since this time are skipped; None skips none.
    """

    start: datetime | None
    end: datetime | None
    window: timedelta
    since: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """Result of a window: a successful run, or the reason of the failure."""

    window: Window
    run: FinishedRun | None = None
    error: str | None = None


@dataclass(frozen=True)
class Plan:
    """The windows of a range that have arrivals.

    Parameters
    ----------
    span
        The whole range, with defaults filled in.
    left, done
        Windows to process, and windows to skip.
    """

    span: Span
    left: list[Span]
    done: list[Span]


def split(span: Span, size: timedelta) -> list[Span]:
    """Split a span into windows at multiples of their size; days are split at midnight UTC."""
    start, end = span
    windows = []
    while start < end:
        cut = min(start + size - (start - EPOCH) % size, end)
        windows.append((start, cut))
        start = cut
    return windows


def plan(client: JobClient, requested: Range, now: datetime) -> Plan:
    """Return the windows to process.

    Raises
    ------
    JobFailedError
        No message arrived in the range.
    """
    start = requested.start or client.arrivals.first_hour()
    span = start, requested.end or now + timedelta(hours=1)
    windows = [one for one in split(span, requested.window) if client.arrivals.any_in(*one)]
    if not windows:
        raise JobFailedError(f"no messages arrived from {iso(span[0])} to {iso(span[1])}")
    since = requested.since
    done = client.succeeded_since(TELEMETRY_TO_PARQUET, since) if since else set()
    skipped = [one for one in windows if (iso(one[0]), iso(one[1])) in done]
    return Plan(span, [one for one in windows if one not in skipped], skipped)


def run_windows(
    client: JobClient,
    job: str,
    windows: Sequence[Window],
    parallel: int = 1,
    on_state: Callable[[str], None] = lambda state: None,
) -> Generator[Outcome]:
    """Run a job on each window and yield outcomes as the runs end, in any order.

    When the iteration is closed, for example by Ctrl-C, active runs are stopped and awaited.
    """
    watch = Watch(on_state, threading.Event())
    with ThreadPoolExecutor(parallel) as threads:
        running = {threads.submit(client.run, job, window, watch): window for window in windows}
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield _outcome(running.pop(future), future)
        finally:
            watch.stop.set()
            threads.shutdown(wait=True, cancel_futures=True)


def _outcome(window: Window, future: Future[FinishedRun]) -> Outcome:
    try:
        return Outcome(window, run=future.result())
    except JobFailedError as error:
        return Outcome(window, error=str(error))
