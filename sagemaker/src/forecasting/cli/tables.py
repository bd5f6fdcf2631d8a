"""Tables on a terminal of any width."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_WIDEST = 300


def print_whole(table: Table, console: Console) -> None:
    """Print a table; where the terminal is narrower, its lines wrap and lose nothing."""
    boundless = console.options.update(max_width=_WIDEST)
    # what is printed is no wider than the console, so a narrow one is told that it is not
    width = console.width
    console.width = max(width, Measurement.get(console, boundless, table).maximum)
    console.print(table)
    console.width = width
