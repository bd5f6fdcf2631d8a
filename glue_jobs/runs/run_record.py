"""Row of a run in the table ``runs``, as a value and as a Parquet file."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.lake.arrow_schemas import arrow_schema
from contracts.lake.runs import METRICS, SUCCEEDED
from contracts.lake.tables import RUNS

SCHEMA = arrow_schema(RUNS)


@dataclass(frozen=True)
class RunRecord:
    """Result of a run: the columns of `contracts.lake.tables.RUNS`."""

    job: str
    run_id: str
    started: datetime
    seconds: float
    outcome: str
    error: str | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    read: int | None = None
    kept: int | None = None
    duplicates: int | None = None
    merged: int | None = None
    conflicts: int | None = None
    rejected: int | None = None
    late: int | None = None
    quarantined: int | None = None
    quarantined_by_reason: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)
    spark_version: str | None = None
    python_version: str = f"{sys.version_info.major}.{sys.version_info.minor}"

    @property
    def succeeded(self) -> bool:
        return self.outcome == SUCCEEDED

    @property
    def quarantined_share(self) -> float | None:
        """Return the quarantined share of the messages read; None if none was read."""
        if not self.read or self.quarantined is None:
            return None
        return self.quarantined / self.read

    def job_result(self) -> dict[str, Any]:
        """Return the job's counts in their original form: the inverse of `columns_of`."""
        named = {name: value for name in METRICS if (value := getattr(self, name)) is not None}
        if "quarantined" in named:
            named["quarantined"] = dict(self.quarantined_by_reason)
        return {**named, **self.counts, **self.details}

    def to_parquet(self) -> bytes:
        """Return a Parquet file with this one row."""
        row = {
            name: list(value.items()) if isinstance(value, Mapping) else value
            for name, value in asdict(self).items()
        }
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([row], SCHEMA), file, compression="zstd")
        return file.getvalue()

    @classmethod
    def from_parquet(cls, file: bytes) -> RunRecord:
        """Read the row of a file from `to_parquet`; columns of later versions are ignored."""
        table = pq.read_table(pa.BufferReader(file), columns=SCHEMA.names, partitioning=None)
        row = table.to_pylist(maps_as_pydicts="strict")[0]
        return cls(**row)


def columns_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns for a job's counts.

    Counts with a column of their own go there, ``quarantined`` also by reason. Other numbers go to
    ``counts``, and all other values to ``details``.
    """
    columns: dict[str, Any] = {"counts": {}, "details": {}}
    for name, value in result.items():
        if name == "quarantined":
            columns |= {name: sum(value.values()), "quarantined_by_reason": dict(value)}
        elif name in METRICS:
            columns[name] = value
        elif isinstance(value, int):
            columns["counts"][name] = value
        else:
            columns["details"][name] = str(value)
    return columns
