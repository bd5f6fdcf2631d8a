"""Rules for values that TOML and pydantic alone can't express, and reasons for bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

SETTING = "setting"
"""Type of the errors raised here: their message is the fault, their context may hold a key."""


class Table(BaseModel):
    """A table of a TOML file: no key too many, no value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True)
class Because:
    """The reason for a bound, which a complaint repeats."""

    reason: str


def unexpected(expected: str, got: object, *key: str) -> PydanticCustomError:
    """An error that says what was expected and what came.

    Parameters
    ----------
    key
        Path to the setting at fault from where the check is made.
    """
    context = {"expected": expected, "got": repr(got), "key": key}
    return PydanticCustomError(SETTING, "must be {expected}; got {got}", context)


def unknown(*key: str, known: Iterable[str]) -> PydanticCustomError:
    """An error that says which keys a table may have.

    Parameters
    ----------
    key
        Path to the key from where the check is made.
    """
    context = {"key": key, "known": ", ".join(known)}
    return PydanticCustomError(SETTING, "is not a setting; known: {known}", context)


def missing(key: str) -> PydanticCustomError:
    """An error that names a key that a table lacks."""
    return PydanticCustomError(SETTING, "is missing", {"key": (key,)})


def must(be: str, holds: Callable[[Any], bool]) -> AfterValidator:
    """A check of a value that has its type already; ``be`` is what a complaint says of it."""

    def check(value: Any) -> Any:
        if not holds(value):
            raise unexpected(be, value)
        return value

    return AfterValidator(check)


def one_of(*choices: str | int) -> AfterValidator:
    """A check that a value is among those that are listed elsewhere."""
    return must(f"one of {', '.join(map(str, choices))}", choices.__contains__)


def _with_point(value: Any) -> Any:
    if not isinstance(value, float):
        raise unexpected("a number with a point", value)
    return value


Real = Annotated[float, BeforeValidator(_with_point)]
"""A number written with a point: 1 is a whole number to TOML, 1.0 is not."""

NEVER = "never"
Schedule = Annotated[str | None, BeforeValidator(lambda value: None if value == NEVER else value)]
"""A cron or rate expression of EventBridge and Glue; None where the file says `NEVER`."""
