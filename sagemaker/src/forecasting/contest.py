"""Several models backtested at once: a process each, one thread each, all on the same origins."""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from typing import Any

from evaluation_container.metrics import Floats

from forecasting import backtest
from forecasting.backtest import Plan
from forecasting.forecasters import Contestant, forecaster
from forecasting.history import History

POLL_SECONDS = 0.2


Report = Callable[[Contestant, float], None]
"""Told what share of a contestant's work, 0 to 1, is done."""


def run(
    contestants: Sequence[Contestant], history: History, plan: Plan, jobs: int, report: Report
) -> dict[Contestant, Floats]:
    """Forecasts of every contestant, as `backtest.forecasts` gives them.

    Parameters
    ----------
    jobs
        Processes at once. What is slow should come first among the contestants.

    Raises
    ------
    ForecastingError
        A contestant cannot be trained on the history.
    """
    context = multiprocessing.get_context("spawn")  # threads of torch and LightGBM do not fork
    shares: Any = context.Queue()
    work = (history, plan, shares)
    # one thread each: threads that share cores wait for each other many times as long
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=work) as pool:
        futures = {one: pool.submit(_forecasts, one) for one in contestants}
        try:
            _watch(list(futures.values()), shares, report)
            return {one: future.result() for one, future in futures.items()}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _watch(futures: Sequence[Future[Floats]], shares: Any, report: Report) -> None:
    """Pass on what is told until all is done, or one has failed."""
    while True:
        done, pending = wait(futures, timeout=0)
        failed = next((one for one in done if one.exception()), None)
        if failed is not None:
            failed.result()
        try:
            report(*shares.get(timeout=POLL_SECONDS))
        except queue.Empty:
            if not pending:
                return


_work: tuple[History, Plan, Any]


def _begin(*work: Any) -> None:
    """In a new process: keep what all contestants there share."""
    global _work  # noqa: PLW0603  (a pool hands nothing else from its initializer to its tasks)
    _work = (work[0], work[1], work[2])


def _forecasts(contestant: Contestant) -> Floats:
    history, plan, shares = _work
    if contestant.weather_known:
        history = history.with_weather_known()
    model = forecaster(contestant.model, contestant.seed)
    return backtest.forecasts(model, history, plan, lambda share: shares.put((contestant, share)))
