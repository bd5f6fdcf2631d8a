"""Prints tables on terminals of any width."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_WIDEST = 300


def print_whole(table: Table, console: Console) -> None:
    """Prints a table completely; on a narrower terminal its lines wrap."""
    boundless = console.options.update(max_width=_WIDEST)
    # rich cuts tables at the console's width, so a narrow console is widened
    width = console.width
    console.width = max(width, Measurement.get(console, boundless, table).maximum)
    console.print(table)
    console.width = width
