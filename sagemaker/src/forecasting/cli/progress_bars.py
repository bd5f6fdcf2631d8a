"""Progress of long tasks: bars on a terminal, otherwise one line per completed task."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Bars:
    """One progress bar per task, shown while the context is active.

    Parameters
    ----------
    works
        Names of the tasks, without duplicates.
    """

    def __init__(self, console: Console, works: Sequence[str]) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:28}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks = {
            work: self._progress.add_task(work, total=1.0, start=False) for work in works
        }
        self._started: dict[str, float] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def report(self, work: str, share: float) -> None:
        """Reports the completed share (0 to 1) of a task; its time starts with the first report."""
        if work not in self._started:
            self._started[work] = time.monotonic()
            self._progress.start_task(self._tasks[work])
        self._progress.update(self._tasks[work], completed=share)
        if share >= 1 and not self._console.is_terminal:
            seconds = time.monotonic() - self._started[work]
            self._console.print(f"{work}: done in {seconds:.0f} s")
