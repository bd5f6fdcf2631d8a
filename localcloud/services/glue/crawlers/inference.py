"""Infers the table below an S3 prefix: format, columns and partitions.

Follows Glue's built-in classifiers for JSON Lines and Parquet:
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
    """No classifier recognises the format of an object."""


@dataclass(frozen=True)
class Table:
    """A table that a crawl found.

    Parameters
    ----------
    classification
        ``json`` or ``parquet``.
    compression
        ``gzip`` or ``none``.
    columns, partition_keys
        Names and Hive types.
    partitions
        Folder below the target, by the values of the partition keys.
    records
        Number of rows in the sampled objects.
    """

    classification: str
    compression: str
    columns: tuple[Column, ...]
    partition_keys: tuple[Column, ...]
    partitions: dict[tuple[str, ...], str]
    records: int


def infer(keys: list[str], body: Body) -> Table:
    """Infers the table of the objects below a target.

    Parameters
    ----------
    keys
        Object keys, relative to the target; at least one.
    body
        Function that reads an object.

    Raises
    ------
    UnknownFormatError
        If an object is neither JSON Lines nor Parquet, or the formats differ.
    """
    sampled = sample(keys)
    found = [_classify(key, body(key)) for key in sampled]
    formats = {(kind, compression) for kind, compression, _, _ in found if kind}
    if not formats:
        raise UnknownFormatError(f"the sampled objects are empty: {', '.join(sampled)}")
    if len({kind for kind, _ in formats}) > 1:
        raise UnknownFormatError(f"expected objects of one format; got {sorted(formats)}")
    partition_keys, partitions = partitions_of(keys)
    names = {name for name, _ in partition_keys}
    columns = merged(columns for _, _, columns, _ in found)
    kind, compression = max(formats, key=lambda it: it[1] == "gzip")
    return Table(
        classification=kind,
        compression=compression,
        # a column that is null in every sampled row can have any type
        columns=tuple((name, type_ or "string") for name, type_ in columns if name not in names),
        partition_keys=partition_keys,
        partitions=partitions,
        records=sum(count for _, _, _, count in found),
    )


def sample(keys: list[str]) -> list[str]:
    """Selects objects to read, spread evenly from the first to the last."""
    if len(keys) <= SAMPLED_OBJECTS:
        return keys
    step = (len(keys) - 1) / (SAMPLED_OBJECTS - 1)
    return [keys[round(step * number)] for number in range(SAMPLED_OBJECTS)]


def partitions_of(keys: Iterable[str]) -> tuple[tuple[Column, ...], dict[tuple[str, ...], str]]:
    """Returns the partition keys, and each partition's folder by its values.

    A ``name=value`` folder names its key; other keys are ``partition_0``, ``partition_1`` and so
    on. Objects that are not at the most common depth belong to no partition.
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
        level_names = [name if equals else "" for name, equals, _ in levels]
        names = names or level_names
        partitions[tuple(value if equals else name for name, equals, value in levels)] = folder
    keys_found = tuple(
        (identifier(name) if name else f"partition_{number}", "string")
        for number, name in enumerate(names)
    )
    return keys_found, partitions


def identifier(name: str) -> str:
    """Converts a name to a valid Hive identifier."""
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "data"


def merged(schemas: Iterable[Iterable[Column]]) -> list[Column]:
    """Merges the columns of several rows or objects, in order of first appearance."""
    columns: dict[str, str] = {}
    for schema in schemas:
        for name, type_ in schema:
            columns[name] = common_type(columns.get(name, type_), type_)
    return list(columns.items())


_WIDENING = ["int", "bigint", "double"]


def common_type(one: str, other: str) -> str:
    """Returns the narrowest type that holds both, else ``string``. ``""`` is the type of null."""
    if one == other or not other:
        return one
    if not one:
        return other
    if one in _WIDENING and other in _WIDENING:
        return max(one, other, key=_WIDENING.index)
    return "string"


def _classify(key: str, content: bytes) -> tuple[str, str, list[Column], int]:
    """Returns an object's classification (``""`` if empty), compression, columns and row count."""
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
    """Parses the JSON objects in the first lines; ignores lines that hold none."""
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
    """Returns the Hive type of a JSON value; ``""`` for null."""
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
    """Returns the Hive type of a Parquet column."""
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
