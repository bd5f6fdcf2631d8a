"""Arrow schemas of the lake's tables.

Separate from `contracts.lake.tables` because only code that writes or reads Parquet has pyarrow.
"""

from __future__ import annotations

import pyarrow as pa

from contracts.lake.tables import Table, Type

TIME = pa.timestamp("us", tz="UTC")

_TYPES = {
    Type.TEXT: pa.string(),
    Type.TIME: TIME,
    Type.NUMBER: pa.float64(),
    Type.INT32: pa.int32(),
    Type.INT64: pa.int64(),
    Type.TEXTS: pa.map_(pa.string(), pa.string()),
    Type.COUNTS: pa.map_(pa.string(), pa.int64()),
}


def arrow_schema(table: Table) -> pa.Schema:
    """Returns the schema of a table's files, without the partition column."""
    return pa.schema([(column.name, _TYPES[column.type]) for column in table.columns])
