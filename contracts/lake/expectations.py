"""What must hold of the tables of the lake, each said once and written in two languages.

AWS Glue Data Quality evaluates the rules in its own language, DQDL
(https://docs.aws.amazon.com/glue/latest/dg/dqdl.html), on AWS only. The same expectations are
measured with one query of Athena's SQL wherever the lake is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.messages.limits import CONCENTRATIONS, POSITION
from contracts.messages.telemetry import IDENTITY

FRESH_HOURS = 26
"""A day, and some time for delivery and the jobs."""


@dataclass(frozen=True)
class Expectation:
    """What must hold of a table.

    Parameters
    ----------
    says
        For people.
    rules
        In DQDL.
    measure
        An aggregate in Athena's SQL that gives one number.
    least, most
        Where the number must lie.
    """

    says: str
    rules: tuple[str, ...]
    measure: str
    least: float = 0
    most: float = float("inf")

    def holds(self, measured: float | None) -> bool:
        """Whether a measured number is as expected; None, of a table without rows, never is."""
        return measured is not None and self.least <= measured <= self.most


def has_rows() -> Expectation:
    """The table is not empty."""
    return Expectation("has rows", ("RowCount > 0",), "count(*)", least=1)


def complete(column: str) -> Expectation:
    """The column is never null."""
    return Expectation(
        f"{column} is complete",
        (f'IsComplete "{column}"',),
        _count(f"{column} IS NULL"),
        most=0,
    )


def within(column: str, low: float, high: float, where: str | None = None) -> Expectation:
    """The column is null or in ``[low, high]``, in all rows or in those of a condition."""
    given = f"{column} IS NOT NULL" + (f" AND {where}" if where else "")
    return Expectation(
        f"{column} is {low:.9g} to {high:.9g}" + (f" where {where}" if where else ""),
        # DQDL's `between` leaves the bounds out, and null is outside of any.
        tuple(
            f'ColumnValues "{column}" {operator} {bound:.9g} where "{given}"'
            for operator, bound in ((">=", low), ("<=", high))
        ),
        _count(f"{given} AND ({column} < {low:.9g} OR {column} > {high:.9g})"),
        most=0,
    )


def unique(says: str, *expressions: str) -> Expectation:
    """No two rows have the same values."""
    listed = ", ".join(expressions)
    return Expectation(
        f"{says} is unique",
        (_custom_sql(f"COUNT(*) - COUNT(DISTINCT STRUCT({listed}))", "= 0"),),
        f"count(*) - count(DISTINCT ROW({listed}))",
        most=0,
    )


def _count(condition: str) -> str:
    """How many rows a condition holds of; 0, not null, where there are none."""
    return f"count(CASE WHEN {condition} THEN 1 END)"


def _custom_sql(measure: str, expected: str) -> str:
    """A rule on an aggregate in Spark's SQL; ``primary`` is the table of the ruleset."""
    return f'CustomSql "SELECT {measure} FROM primary" {expected}'  # noqa: S608 - our own words


def fresh(column: str, hours: int) -> Expectation:
    """The newest row is not older."""
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
        # Devices from before version 1 send no identity: their time stands for it.
        unique("identity", *IDENTITY, "CASE WHEN boot_id IS NULL THEN timestamp END"),
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
"""By table."""


def ruleset(expectations: Sequence[Expectation]) -> str:
    """A document in DQDL."""
    rules = ",\n".join(f"    {rule}" for one in expectations for rule in one.rules)
    return f"Rules = [\n{rules}\n]"
