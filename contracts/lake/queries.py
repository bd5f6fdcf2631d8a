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
    """A query that Athena rejected, or that failed; the message says which and why."""


class QueryTimeoutError(QueryError):
    """A query that was stopped after its timeout."""


def query(
    athena: Any, names: Names, sql: str, patience: float = PATIENCE_SECONDS
) -> list[dict[str, str | None]]:
    """Returns all rows of a query, with values as Athena writes them.

    Parameters
    ----------
    athena
        A boto3 client. boto3 is not imported here, so contracts have no dependency on it.
    patience
        Timeout in seconds. The query is then stopped, because Athena bills the bytes that a
        query scans even if nobody waits for its result.

    Raises
    ------
    QueryTimeoutError
        The query was stopped after the timeout.
        QueryError
            The query did not succeed.
    """
    started = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": names.database},
        WorkGroup=names.workgroup,
    )["QueryExecutionId"]
    try:
        _wait(athena, started, sql, patience)
    except (QueryTimeoutError, KeyboardInterrupt):
        # Athena refuses to stop a query that has already ended, which is fine.
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
    """Waits until a query has succeeded."""
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
