"""Several models backtested at once: a process each, one thread each, all on the same origins."""

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
"""Forecasts, or why there are none."""

Report = Callable[[Contestant, float], None]
"""Told what share of a contestant's work, 0 to 1, is done."""


def run(
    contestants: Sequence[Contestant], history: History, plan: Plan, jobs: int, report: Report
) -> dict[Contestant, Outcome]:
    """Forecasts of every contestant, as `backtest.forecasts` gives them, or why there are none.

    Parameters
    ----------
    contestants
        All are given up when the first one cannot be trained.
    jobs
        Processes at once.

    Raises
    ------
    ForecastingError
        The first contestant cannot be trained on the history, or a process was killed.
    """
    context = multiprocessing.get_context("spawn")  # threads of torch and LightGBM do not fork
    shares: Any = context.Queue()
    # one thread each: threads that share cores wait for each other many times as long
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    slowest_first = sorted(contestants, key=lambda one: list(MODELS).index(one.model))
    with ProcessPoolExecutor(jobs, context, _begin, (history, plan, shares)) as pool:
        futures = {one: pool.submit(_forecasts, one) for one in slowest_first}
        try:
            _watch(futures, contestants[0], shares, report)
            return {one: futures[one].result() for one in contestants}
        except BrokenProcessPool:
            raise ForecastingError(
                "a process of the backtest was killed; if memory was short, try JOBS=1"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _watch(
    futures: Mapping[Contestant, Future[Outcome]], first: Contestant, shares: Any, report: Report
) -> None:
    """Pass on what is told until all is done."""
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


def _begin(*work: Any) -> None:
    """In a new process: keep what all contestants there share."""
    global _work  # noqa: PLW0603  (a pool hands nothing else from its initializer to its tasks)
    _work = (work[0], work[1], work[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends the others
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    warnings.filterwarnings("ignore", module="gluonts")  # advice to its users


def _end_with_the_first() -> None:
    """A pool's process would wait for work for ever where the first one was killed."""
    first = multiprocessing.parent_process()
    if first is not None:
        first.join()
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
