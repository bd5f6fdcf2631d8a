"""How the lake is asked: SQL through Athena, in the environment's workgroup and database."""

from __future__ import annotations

import time
from typing import Any

from contracts.errors import LakecastError
from contracts.names import Names

POLL_SECONDS = 0.2
PATIENCE_SECONDS = 300.0


class QueryError(LakecastError):
    """Athena refuses a query, or it failed; the message says which and why."""


def query(athena: Any, names: Names, sql: str) -> list[dict[str, str | None]]:
    """All rows of a query, values as Athena writes them.

    Parameters
    ----------
    athena
        A boto3 client; it is not imported here, so that contracts need nothing.

    Raises
    ------
    QueryError
        Where it did not succeed, or not within `PATIENCE_SECONDS`.
    """
    started = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": names.database},
        WorkGroup=names.workgroup,
    )["QueryExecutionId"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        told = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        if told["State"] == "SUCCEEDED":
            break
        if told["State"] in ("FAILED", "CANCELLED") or time.monotonic() > deadline:
            reason = told.get("StateChangeReason", "no reason given")
            raise QueryError(f"Athena could not answer {sql!r} ({told['State']}): {reason}")
        time.sleep(POLL_SECONDS)
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=started)
    header, *rows = (
        [cell.get("VarCharValue") for cell in row["Data"]]
        for page in pages
        for row in page["ResultSet"]["Rows"]
    )
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]
