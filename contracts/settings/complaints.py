"""Complaints about settings, by key: the expected and the actual value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from contracts.settings.rules import SETTING, Because

_KINDS = {
    "int_type": "a whole number",
    "float_type": "a number with a point",
    "string_type": "a string",
    "bool_type": "true or false",
    "list_type": "a list",
    "model_type": "a table",
    "dict_type": "a table",
}
_BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")


@dataclass(frozen=True)
class Complaint:
    """A fault in one setting.

    Parameters
    ----------
    key
        Path of the setting, table by table.
    fault
        Description, for example ``must be 1 to 128; got 256``.
    """

    key: tuple[str, ...]
    fault: str

    def __str__(self) -> str:
        return f"{'.'.join(self.key)} {self.fault}"


def complaints(
    error: ValidationError, model: type[BaseModel], at: tuple[str, ...] = ()
) -> list[Complaint]:
    """Returns all faults that a model found in a table; ``at`` is the table's path."""
    found = (_complaint(one, model) for one in error.errors())
    return [Complaint((*at, *one.key), one.fault) for one in found]


def _complaint(error: ErrorDetails, model: type[BaseModel]) -> Complaint:
    place = tuple(part for part in error["loc"] if isinstance(part, str))
    if error["type"] == SETTING:
        return Complaint((*place, *error["ctx"]["key"]), error["msg"])
    if error["type"] == "missing":
        return Complaint(place, "is missing")
    if error["type"] == "extra_forbidden":
        known = ", ".join(_table(model, place[:-1]).model_fields)
        return Complaint(place, f"is not a setting; known: {known}")
    return Complaint(place, f"must {_expected(error, model, place)}; got {error['input']!r}")


def _expected(error: ErrorDetails, model: type[BaseModel], place: Sequence[str]) -> str:
    kind = error["type"]
    if isinstance(error["loc"][-1], int):
        return f"hold {_KINDS[kind].removeprefix('a ')}s"
    if kind in _BOUNDS:
        return f"be {_bounds(_table(model, place[:-1]).model_fields[place[-1]])}"
    if kind == "literal_error":
        choices = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        kind = "" if isinstance(error["input"], str) else "a string, "
        return f"be {kind}one of {choices}"
    return f"be {_KINDS[kind]}" if kind in _KINDS else error["msg"]


def _table(model: type[BaseModel], path: Sequence[str]) -> type[BaseModel]:
    """Returns the model of the table at a path; several tables of one kind are a dictionary."""
    kind: Any = model
    for name in path:
        kind = get_args(kind)[1] if get_origin(kind) is dict else kind.model_fields[name].annotation
    return cast(type[BaseModel], kind)


def _bounds(field: FieldInfo) -> str:
    """Describes the bounds of a number, with their reason."""
    bounds = {
        name: getattr(one, name)
        for one in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if hasattr(one, name)
    }
    match bounds:
        case {"ge": least, "le": most}:
            words = f"{least} to {most}"
        case {"ge": least, "lt": below}:
            words = f"{least} or more and below {below}"
        case {"gt": above, "le": most}:
            words = f"above {above} and at most {most}"
        case {"ge": 0}:
            words = "0 or more"
        case _:
            words = f"at least {bounds['ge']}"
    reasons = [f" ({one.reason})" for one in field.metadata if isinstance(one, Because)]
    return words + "".join(reasons)
