"""Implements ``make quality``: checks the tables against the expectations, one query per table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from contracts.lake.expectations import EXPECTATIONS, Expectation
from contracts.lake.queries import query
from contracts.names import Names

Ask = Callable[[str], Sequence[Mapping[str, str | None]]]
"""Runs a query in Athena's SQL and returns its rows, values as text."""


@dataclass(frozen=True)
class Finding:
    """Measured value of one expectation; None if the query returned no number."""

    table: str
    expectation: Expectation
    measured: float | None

    @property
    def holds(self) -> bool:
        return self.expectation.holds(self.measured)


def findings(
    ask: Ask, table: str, expectations: Sequence[Expectation], first_day: str | None = None
) -> list[Finding]:
    """Measure a table.

    Parameters
    ----------
    first_day
        First partition to include, ``YYYY-MM-DD``.
    """
    measures = ", ".join(f"{one.measure} AS m{n}" for n, one in enumerate(expectations))
    days = f" WHERE date >= '{first_day}'" if first_day else ""
    (row,) = ask(f"SELECT {measures} FROM {table}{days}")  # noqa: S608 - constants only
    return [
        Finding(table, one, None if (value := row[f"m{n}"]) is None else float(value))
        for n, one in enumerate(expectations)
    ]


def quality(athena: Any, names: Names, days: int | None, console: Console) -> int:
    """Measure all tables, print the findings, and return 1 if an expectation is not met.

    Raises
    ------
    QueryError
        Athena cannot run a query.
    """
    first_day = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}" if days else None
    found = [
        finding
        for table, expectations in EXPECTATIONS.items()
        for finding in findings(
            lambda sql: query(athena, names, sql), table, expectations, first_day
        )
    ]
    shown = Table("table", "expected", "measured", "", title_justify="left")
    for one in found:
        measured = "nothing" if one.measured is None else f"{one.measured:g}"
        shown.add_row(
            one.table, one.expectation.says, measured, "" if one.holds else "[red]NOT MET"
        )
    console.print(shown)
    missed = sum(not one.holds for one in found)
    console.print(f"{len(found) - missed} of {len(found)} expectations are met")
    return 1 if missed else 0
