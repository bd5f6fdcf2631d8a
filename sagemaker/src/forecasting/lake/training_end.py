"""Reads the end of the training data from the newest run of the series job."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from contracts.lake.queries import QueryError, query
from contracts.lake.runs import SUCCEEDED
from contracts.names import BUILD_SERIES, Names

_SQL = f"""
SELECT details['cut'] AS cut FROM runs
WHERE job = '{BUILD_SERIES}' AND outcome = '{SUCCEEDED}'
ORDER BY started DESC LIMIT 1
"""  # noqa: S608 - of constants


def read(session: Any, names: Names) -> datetime | None:
    """Return the first hour after the training channel; None if no run is recorded."""
    try:
        rows = query(session.client("athena"), names, _SQL)
    except QueryError:
        return None
    cut = rows[0]["cut"] if rows else None
    return None if cut is None else datetime.fromisoformat(cut)
