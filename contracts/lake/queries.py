"""Queries the lake: SQL through Athena, in the environment's workgroup and database."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from contracts.errors import LakecastError
from contracts.names import Names

POLL_SECONDS = 0.2
PATIENCE_SECONDS = 300.0


class QueryError(LakecastError):
    """Athena refuses a query, or it failed; the message says which and why."""


class QueryTimeoutError(QueryError):
    """A query took too long and was stopped."""


def query(
    athena: Any, names: Names, sql: str, patience: float = PATIENCE_SECONDS
) -> list[dict[str, str | None]]:
    """All rows of a query, values as Athena writes them.

    Parameters
    ----------
    athena
        A boto3 client; it is not imported here, so that contracts need nothing.
    patience
        Seconds after which the query is stopped: Athena bills what a query scans, also where
        nobody waits for it any more.

    Raises
    ------
    QueryTimeoutError
        The query was stopped since it took longer.
    QueryError
        It did not succeed.
    """
    started = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": names.database},
        WorkGroup=names.workgroup,
    )["QueryExecutionId"]
    try:
        _wait(athena, started, sql, patience)
    except (QueryTimeoutError, KeyboardInterrupt):
        # Athena refuses to stop what has ended meanwhile, which is as good.
        with suppress(athena.exceptions.InvalidRequestException):
            athena.stop_query_execution(QueryExecutionId=started)
        raise
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=started)
    header, *rows = (
        [cell.get("VarCharValue") for cell in row["Data"]]
        for page in pages
        for row in page["ResultSet"]["Rows"]
    )
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


def _wait(athena: Any, started: str, sql: str, patience: float) -> None:
    """Wait until a query has succeeded."""
    deadline = time.monotonic() + patience
    while True:
        status = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        state = status["State"]
        if state == "SUCCEEDED":
            return
        if state in ("FAILED", "CANCELLED"):
            reason = status.get("StateChangeReason", "no reason given")
            raise QueryError(f"Athena could not answer {sql!r} ({state}): {reason}")
        if time.monotonic() > deadline:
            raise QueryTimeoutError(
                f"expected Athena to answer {sql!r} within {patience:g} s; it was {state} after "
                f"that time and was stopped (query {started})"
            )
        time.sleep(POLL_SECONDS)
