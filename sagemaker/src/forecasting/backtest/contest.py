"""Backtests several models in parallel on the same origins, with one process and thread each."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from evaluation_container.scoring.metrics import Floats

from forecasting.backtest import rolling_origin
from forecasting.backtest.forecasters.base import Contestant
from forecasting.backtest.forecasters.by_name import MODELS, forecaster
from forecasting.backtest.history import History
from forecasting.backtest.rolling_origin import Plan
from forecasting.errors import ForecastingError

POLL_SECONDS = 0.2

Outcome = Floats | ForecastingError
"""Forecasts, or the error that prevented them."""

Report = Callable[[Contestant, float], None]
"""A function that receives the share of a contestant's work that is done, 0 to 1."""


def run(
    contestants: Sequence[Contestant], history: History, plan: Plan, jobs: int, report: Report
) -> dict[Contestant, Outcome]:
    """Return every contestant's forecasts (see `rolling_origin.forecasts`), or its error.

    Parameters
    ----------
    contestants
        Contestants; if the first cannot be trained, all are cancelled.
    jobs
        Number of parallel processes.

    Raises
    ------
    ForecastingError
        The first contestant cannot be trained on the history, or a process was killed.
    """
    context = multiprocessing.get_context("spawn")  # threads of torch and LightGBM do not fork
    shares: Any = context.Queue()
    # one thread each: several threads on shared cores are many times slower
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    slowest_first = sorted(contestants, key=lambda one: list(MODELS).index(one.model))
    with ProcessPoolExecutor(jobs, context, _initialize, (history, plan, shares)) as pool:
        futures = {one: pool.submit(_forecasts, one) for one in slowest_first}
        try:
            _watch(futures, contestants[0], shares, report)
            return {one: futures[one].result() for one in contestants}
        except BrokenProcessPool:
            raise ForecastingError(
                "a process of the backtest was killed; if memory was exhausted, try JOBS=1"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _watch(
    futures: Mapping[Contestant, Future[Outcome]], first: Contestant, shares: Any, report: Report
) -> None:
    """Forward progress reports until all contestants are done."""
    while True:
        done, pending = wait(futures.values(), timeout=0)
        if futures[first] in done and isinstance(error := futures[first].result(), Exception):
            raise error
        try:
            report(*shares.get(timeout=POLL_SECONDS))
        except queue.Empty:
            if not pending:
                return


_work: tuple[History, Plan, Any]


def _initialize(*work: Any) -> None:
    """Store the common input of all contestants in a new process."""
    global _work  # noqa: PLW0603  (an initializer can pass data to tasks only by a global)
    _work = (work[0], work[1], work[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process terminates this one
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    warnings.filterwarnings("ignore", module="gluonts")


def _exit_with_parent() -> None:
    """Exit when the parent is killed; otherwise this process would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _forecasts(contestant: Contestant) -> Outcome:
    history, plan, shares = _work
    try:
        if contestant.weather_known:
            history = history.with_weather_known()
        model = forecaster(contestant.model, contestant.seed)
        return rolling_origin.forecasts(
            model, history, plan, lambda share: shares.put((contestant, share))
        )
    except ForecastingError as error:
        return error
