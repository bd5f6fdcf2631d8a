"""Data quality expectations of the lake's tables, each written in two languages.

AWS Glue Data Quality evaluates the rules in its own language, DQDL
(https://docs.aws.amazon.com/glue/latest/dg/dqdl.html), on AWS only. An Athena SQL query measures
the same expectations both on AWS and locally.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.messages.limits import CONCENTRATIONS, POSITION
from contracts.messages.telemetry import IDENTITY

FRESH_HOURS = 26
"""A day, plus time for delivery and the jobs."""


@dataclass(frozen=True)
class Expectation:
    """An expectation of a table.

    Parameters
    ----------
    says
        A description for people.
    rules
        Rules in DQDL.
    measure
        An aggregate in Athena's SQL that returns one number.
    least, most
        The range that the number must lie in.
    """

    says: str
    rules: tuple[str, ...]
    measure: str
    least: float = 0
    most: float = float("inf")

    def holds(self, measured: float | None) -> bool:
        """Returns whether a measured number is as expected; None (from an empty table) never is."""
        return measured is not None and self.least <= measured <= self.most


def has_rows() -> Expectation:
    """Expects that the table is not empty."""
    return Expectation("has rows", ("RowCount > 0",), "count(*)", least=1)


def complete(column: str) -> Expectation:
    """Expects that the column is never null."""
    return Expectation(
        f"{column} is complete",
        (f'IsComplete "{column}"',),
        _count(f"{column} IS NULL"),
        most=0,
    )


def within(column: str, low: float, high: float, where: str | None = None) -> Expectation:
    """Expects null or ``[low, high]`` in a column, in all rows or in those that match ``where``."""
    given = f"{column} IS NOT NULL" + (f" AND {where}" if where else "")
    return Expectation(
        f"{column} is {low:.9g} to {high:.9g}" + (f" where {where}" if where else ""),
        # DQDL's `between` excludes the bounds, and null is never between them.
        tuple(
            f'ColumnValues "{column}" {operator} {bound:.9g} where "{given}"'
            for operator, bound in ((">=", low), ("<=", high))
        ),
        _count(f"{given} AND ({column} < {low:.9g} OR {column} > {high:.9g})"),
        most=0,
    )


def unique(says: str, *expressions: str) -> Expectation:
    """Expects that no two rows have the same values."""
    listed = ", ".join(expressions)
    return Expectation(
        f"{says} is unique",
        (_custom_sql(f"COUNT(*) - COUNT(DISTINCT STRUCT({listed}))", "= 0"),),
        f"count(*) - count(DISTINCT ROW({listed}))",
        most=0,
    )


def _count(condition: str) -> str:
    """Counts the rows that match a condition; 0, not null, if there are none."""
    return f"count(CASE WHEN {condition} THEN 1 END)"


def _custom_sql(measure: str, expected: str) -> str:
    """Builds a rule on an aggregate in Spark's SQL; ``primary`` is the ruleset's table."""
    return f'CustomSql "SELECT {measure} FROM primary" {expected}'  # noqa: S608 - our own words


def fresh(column: str, hours: int) -> Expectation:
    """Expects that the newest row is not older than ``hours``."""
    age = f"(UNIX_TIMESTAMP() - MAX(UNIX_TIMESTAMP({column}))) / 3600"
    return Expectation(
        f"newest {column} is at most {hours} hours old",
        (_custom_sql(age, f"<= {hours}"),),
        f"date_diff('hour', max({column}), now())",
        least=float("-inf"),
        most=hours,
    )


EXPECTATIONS: dict[str, tuple[Expectation, ...]] = {
    "telemetry": (
        has_rows(),
        complete("device_id"),
        complete("timestamp"),
        complete("received_at"),
        # Not of a device that starts twice with one boot_id, nor of readings that conflict.
        unique("identity with time", *IDENTITY, "timestamp"),
        *(within(limit.field, limit.low, limit.high) for limit in (*CONCENTRATIONS, *POSITION)),
        fresh("received_at", FRESH_HOURS),
    ),
    "series_hourly": (
        has_rows(),
        complete("device_id"),
        complete("pollutant"),
        complete("hour"),
        unique("device, pollutant and hour", "device_id", "pollutant", "hour"),
        *(
            within("value", limit.low, limit.high, f"pollutant = '{limit.field}'")
            for limit in CONCENTRATIONS
        ),
    ),
}
"""Expectations by table."""


def ruleset(expectations: Sequence[Expectation]) -> str:
    """Builds a document in DQDL."""
    rules = ",\n".join(f"    {rule}" for one in expectations for rule in one.rules)
    return f"Rules = [\n{rules}\n]"
