"""Work off a long range of arrivals window by window, several at a time where the job allows it."""

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
    """What is to be worked off.

    Parameters
    ----------
    start, end
        Arrivals ``[start, end)``; None takes the defaults of `Window`.
    window
        Length of a window, at least an hour: raw messages lie in folders of an hour.
    since
        Windows that a run since then has worked off are skipped; None skips none.
    """

    start: datetime | None
    end: datetime | None
    window: timedelta
    since: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """How a window ended: with a run that succeeded, or with the reason why none did."""

    window: Window
    run: FinishedRun | None = None
    error: str | None = None


@dataclass(frozen=True)
class Plan:
    """The windows of a range in which something arrived.

    Parameters
    ----------
    span
        The whole range, its defaults filled in.
    left, done
        Windows to be worked off, and those that are to be skipped.
    """

    span: Span
    left: list[Span]
    done: list[Span]


def split(span: Span, size: timedelta) -> list[Span]:
    """Windows that cover a span, cut at multiples of their size: days at midnight UTC."""
    start, end = span
    windows = []
    while start < end:
        cut = min(start + size - (start - EPOCH) % size, end)
        windows.append((start, cut))
        start = cut
    return windows


def plan(client: JobClient, wanted: Range, now: datetime) -> Plan:
    """Which windows are to be worked off.

    Raises
    ------
    JobFailedError
        Where nothing arrived.
    """
    start = wanted.start or client.arrivals.first_hour()
    span = start, wanted.end or now + timedelta(hours=1)
    windows = [one for one in split(span, wanted.window) if client.arrivals.any_in(*one)]
    if not windows:
        raise JobFailedError(f"no messages arrived from {iso(span[0])} to {iso(span[1])}")
    done = client.succeeded_since(TELEMETRY_TO_PARQUET, wanted.since) if wanted.since else set()
    skipped = [one for one in windows if (iso(one[0]), iso(one[1])) in done]
    return Plan(span, [one for one in windows if one not in skipped], skipped)


def run_windows(
    client: JobClient,
    job: str,
    windows: Sequence[Window],
    parallel: int = 1,
    on_state: Callable[[str], None] = lambda state: None,
) -> Generator[Outcome]:
    """Run a job on each window; outcomes come as they are known, in any order.

    Leaving the iteration, by Ctrl-C for example, stops the runs that are under way and awaits
    their end.
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
