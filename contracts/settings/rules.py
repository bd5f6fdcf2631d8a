"""Validation rules that TOML and pydantic cannot express, and the reasons for bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

SETTING = "setting"
"""Type of the errors raised here: the message is the fault, the context may contain a key."""


class Table(BaseModel):
    """A table of a TOML file: unknown keys and values of other types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True)
class Because:
    """The reason for a bound, which complaints quote."""

    reason: str


def unexpected(expected: str, got: object, *key: str) -> PydanticCustomError:
    """Builds an error with the expected and the actual value.

    Parameters
    ----------
    key
        Path of the setting at fault, relative to the validated table.
    """
    context = {"expected": expected, "got": repr(got), "key": key}
    return PydanticCustomError(SETTING, "must be {expected}; got {got}", context)


def unknown(*key: str, known: Iterable[str]) -> PydanticCustomError:
    """Builds an error for an unknown key that lists the known ones.

    Parameters
    ----------
    key
        Path of the key, relative to the validated table.
    """
    context = {"key": key, "known": ", ".join(known)}
    return PydanticCustomError(SETTING, "is not a setting; known: {known}", context)


def missing(*key: str) -> PydanticCustomError:
    """Builds an error for a missing key; ``key`` is its path, relative to the validated table."""
    return PydanticCustomError(SETTING, "is missing", {"key": key})


def must(be: str, holds: Callable[[Any], bool]) -> AfterValidator:
    """Builds a check of a value whose type is valid; ``be`` is the requirement in words."""

    def check(value: Any) -> Any:
        if not holds(value):
            raise unexpected(be, value)
        return value

    return AfterValidator(check)


def one_of(*choices: str | int) -> AfterValidator:
    """Builds a check that a value is one of several that are defined elsewhere."""
    return must(f"one of {', '.join(map(str, choices))}", choices.__contains__)


def _with_point(value: Any) -> Any:
    if not isinstance(value, float):
        raise unexpected("a number with a point", value)
    return value


Real = Annotated[float, BeforeValidator(_with_point)]
"""A number with a decimal point: in TOML, 1 is an integer and 1.0 is not."""

NEVER = "never"
Schedule = Annotated[str | None, BeforeValidator(lambda value: None if value == NEVER else value)]
"""A cron or rate expression for EventBridge and Glue; None if the file has `NEVER`."""
