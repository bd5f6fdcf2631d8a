"""What table a prefix in S3 holds: format, columns, partitions.

Follows what Glue's built-in classifiers make of JSON Lines and Parquet:
https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html
"""

from __future__ import annotations

import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SAMPLED_OBJECTS = 10
SAMPLED_LINES = 1_000
GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"

Column = tuple[str, str]
Body = Callable[[str], bytes]


class UnknownFormatError(Exception):
    """None of the classifiers knows what an object holds."""


@dataclass(frozen=True)
class Table:
    """A table that a crawl has found.

    Parameters
    ----------
    classification
        ``json`` or ``parquet``.
    compression
        ``gzip`` or ``none``.
    columns, partition_keys
        Names with Hive's types.
    partitions
        Values of the partition keys, with the folder below the target that they are in.
    records
        Rows in the sampled objects.
    """

    classification: str
    compression: str
    columns: tuple[Column, ...]
    partition_keys: tuple[Column, ...]
    partitions: dict[tuple[str, ...], str]
    records: int


def infer(keys: list[str], body: Body) -> Table:
    """The table of the objects below a target.

    Parameters
    ----------
    keys
        Objects, relative to the target; at least one.
    body
        Reads one of them.

    Raises
    ------
    UnknownFormatError
        Where an object is neither JSON Lines nor Parquet, or formats are mixed.
    """
    some = sample(keys)
    found = [_classified(key, body(key)) for key in some]
    formats = {(kind, compression) for kind, compression, _, _ in found if kind}
    if not formats:
        raise UnknownFormatError(f"the objects hold nothing: {', '.join(some)}")
    if len({kind for kind, _ in formats}) > 1:
        raise UnknownFormatError(f"the objects are of several formats: {sorted(formats)}")
    partition_keys, partitions = partitions_of(keys)
    names = {name for name, _ in partition_keys}
    columns = merged(columns for _, _, columns, _ in found)
    kind, compression = max(formats, key=lambda it: it[1] == "gzip")
    return Table(
        classification=kind,
        compression=compression,
        # what was null wherever it was seen may be anything
        columns=tuple((name, type_ or "string") for name, type_ in columns if name not in names),
        partition_keys=partition_keys,
        partitions=partitions,
        records=sum(count for _, _, _, count in found),
    )


def sample(keys: list[str]) -> list[str]:
    """Objects to look into, spread evenly from the first to the last."""
    if len(keys) <= SAMPLED_OBJECTS:
        return keys
    step = (len(keys) - 1) / (SAMPLED_OBJECTS - 1)
    return [keys[round(step * number)] for number in range(SAMPLED_OBJECTS)]


def partitions_of(keys: Iterable[str]) -> tuple[tuple[Column, ...], dict[tuple[str, ...], str]]:
    """Partition keys, and each partition's values with its folder.

    ``name=value`` folders name their key; others are ``partition_0``, ``partition_1`` and so on.
    Objects at another depth than most belong to no partition.
    """
    folders = [key.rpartition("/")[0] for key in keys]
    depths = Counter(folder.count("/") + 1 if folder else 0 for folder in folders)
    depth = max(depths, key=lambda it: (depths[it], it))
    if depth == 0:
        return (), {}
    names: list[str] = []
    partitions: dict[tuple[str, ...], str] = {}
    for folder in sorted(set(folders)):
        levels = [level.partition("=") for level in folder.split("/")]
        if len(levels) != depth:
            continue
        here = [name if equals else "" for name, equals, _ in levels]
        names = names or here
        partitions[tuple(value if equals else name for name, equals, value in levels)] = folder
    keys_found = tuple(
        (identifier(name) if name else f"partition_{number}", "string")
        for number, name in enumerate(names)
    )
    return keys_found, partitions


def identifier(name: str) -> str:
    """A name as Hive takes it."""
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "data"


def merged(schemas: Iterable[Iterable[Column]]) -> list[Column]:
    """Columns of several rows or objects in the order of their first appearance."""
    columns: dict[str, str] = {}
    for schema in schemas:
        for name, type_ in schema:
            columns[name] = common_type(columns.get(name, type_), type_)
    return list(columns.items())


_WIDENING = ["int", "bigint", "double"]


def common_type(one: str, other: str) -> str:
    """The narrowest type that holds both; text where nothing else does. ``""`` is null's type."""
    if one == other or not other:
        return one
    if not one:
        return other
    if one in _WIDENING and other in _WIDENING:
        return max(one, other, key=_WIDENING.index)
    return "string"


def _classified(key: str, content: bytes) -> tuple[str, str, list[Column], int]:
    """Classification, compression, columns and rows of one object; no classification if empty."""
    compression = "none"
    if content.startswith(GZIP_MAGIC):
        compression, content = "gzip", gzip.decompress(content)
    if not content.strip():
        return "", compression, [], 0
    if content.startswith(PARQUET_MAGIC):
        file = pq.ParquetFile(io.BytesIO(content))
        fields = [(field.name.lower(), arrow_type(field.type)) for field in file.schema_arrow]
        return "parquet", compression, fields, file.metadata.num_rows
    rows = _json_rows(content)
    if not rows:
        raise UnknownFormatError(f"{key} is neither JSON Lines nor Parquet")
    columns = merged([(name.lower(), json_type(row[name])) for name in row] for row in rows)
    return "json", compression, columns, len(rows)


def _json_rows(content: bytes) -> list[dict[str, Any]]:
    """Objects on the first lines; lines that hold none are another reader's business."""
    rows = []
    for line in content.decode(errors="replace").splitlines()[:SAMPLED_LINES]:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def json_type(value: Any) -> str:
    """Hive's type of a JSON value; ``""`` for null."""
    match value:
        case None:
            return ""
        case bool():
            return "boolean"
        case int():
            return "int" if -(2**31) <= value < 2**31 else "bigint"
        case float():
            return "double"
        case list():
            element = ""
            for item in value:
                element = common_type(element, json_type(item))
            return f"array<{element or 'string'}>"
        case dict():
            members = [f"{name}:{json_type(item) or 'string'}" for name, item in value.items()]
            return f"struct<{','.join(members)}>"
    return "string"


def arrow_type(type_: pa.DataType) -> str:
    """Hive's type of a Parquet column."""
    t = pa.types
    if t.is_timestamp(type_):
        return "timestamp"
    if t.is_decimal(type_):
        return f"decimal({type_.precision},{type_.scale})"
    if t.is_map(type_):
        return f"map<{arrow_type(type_.key_type)},{arrow_type(type_.item_type)}>"
    if t.is_list(type_) or t.is_large_list(type_):
        return f"array<{arrow_type(type_.value_type)}>"
    if t.is_struct(type_):
        return f"struct<{','.join(f'{f.name}:{arrow_type(f.type)}' for f in type_)}>"
    named = {
        "bool": "boolean",
        "int8": "tinyint",
        "int16": "smallint",
        "int32": "int",
        "int64": "bigint",
        "float": "float",
        "double": "double",
        "date32[day]": "date",
        "binary": "binary",
    }
    return named.get(str(type_), "string")
