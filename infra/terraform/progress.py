"""Shows Terraform's progress on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

CONSOLE = Console(stderr=True, highlight=False)

_DONE = ("refresh_complete", "apply_complete", "apply_errored")


class StackProgress:
    """A progress line that follows one stack's messages.

    Parameters
    ----------
    total
        Expected number of completed operations; None if unknown.
    """

    def __init__(self, progress: Progress, description: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(description, total=total, doing="")

    def __call__(self, message: Mapping[str, Any]) -> None:
        kind = message.get("type", "")
        if kind in ("refresh_start", "apply_start"):
            address = message["hook"]["resource"]["addr"]
            self._progress.update(self._task, doing=address)
        elif kind in _DONE:
            self._progress.advance(self._task)

    def finish(self) -> None:
        done = self._progress.tasks[self._task].completed
        self._progress.update(self._task, total=done or 1, completed=done or 1, doing="")


@contextmanager
def shown() -> Iterator[Progress]:
    """Shows a live display on a terminal; does nothing elsewhere."""
    with Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[doing]}"),
        console=CONSOLE,
        transient=True,
        disable=not CONSOLE.is_terminal,
    ) as progress:
        yield progress
