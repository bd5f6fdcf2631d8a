"""Reads TOML tables into dataclasses, and says by name what does not fit."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any


class TableError(Exception):
    """A table lacks a key, has one too many, or a value of another type."""


def read(kind: type, document: Any, where: str = "") -> Any:
    """Build a dataclass from a table, and its nested ones from the tables in it.

    Parameters
    ----------
    where
        Name of the table, for complaints.

    Raises
    ------
    TableError
        A key is missing or unknown, or a value is not of its field's type.
    """
    if not isinstance(document, dict):
        raise TableError(f"[{where}] must be a table; got {document!r}")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    prefix = f"{where}." if where else ""
    unknown = sorted(set(document) - set(fields))
    if unknown:
        raise TableError(f"{prefix}{unknown[0]} is not a setting; known: {', '.join(fields)}")
    values = {}
    for name, field in fields.items():
        if name in document:
            values[name] = _value(hints[name], document[name], f"{prefix}{name}")
        elif field.default is dataclasses.MISSING:
            raise TableError(f"{prefix}{name} is missing")
    return kind(**values)


def _value(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return read(typing.cast(type, kind), value, where)
    if isinstance(kind, types.UnionType):
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    origin = typing.get_origin(kind) or kind
    # bool is an int to Python, but not to whoever writes a settings file
    if not isinstance(value, origin) or (origin is int and isinstance(value, bool)):
        raise TableError(f"{where} must be {_word(origin)}; got {value!r}")
    if origin is dict and typing.get_args(kind)[1] is not str:
        return value  # whoever made the table has looked into it
    items = value.values() if isinstance(value, dict) else value if origin is list else ()
    for item in items:
        if not isinstance(item, str):
            raise TableError(f"{where} must hold strings; got {item!r}")
    return value


def _word(kind: type) -> str:
    words = {
        str: "a string",
        int: "a whole number",
        float: "a number with a point",
        bool: "true or false",
        list: "a list",
    }
    return words.get(kind, "a table")
