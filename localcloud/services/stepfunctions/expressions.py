"""Evaluates JSONata as Step Functions does.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

import hashlib
import math
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import jsonata
from jsonata.utils import Utils
from ministack.services import stepfunctions

from contracts.json_text import parsed

ERROR = "States.QueryEvaluationError"
MILLISECONDS = 5000  # Step Functions gives a second, on machines that do nothing else
_MOST_ITEMS = 1000
_HASHES = {
    "MD5": hashlib.md5,
    "SHA-1": hashlib.sha1,
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}


class ExpressionError(ValueError):
    """An expression that cannot be parsed or evaluated, or that has no value."""


def is_expression(value: Any) -> bool:
    """Returns whether a member of a JSONata state is an expression."""
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def check(expression: str) -> None:
    """Parses an expression with its delimiters, or raises ExpressionError."""
    try:
        jsonata.Jsonata.jsonata(expression[2:-2].strip())
    except Exception as error:  # the parser raises several kinds
        raise ExpressionError(str(error)) from error


def evaluate(expression: str, states: Mapping[str, Any], variables: Mapping[str, Any]) -> Any:
    """Evaluates an expression with its delimiters.

    Parameters
    ----------
    states
        The members of ``$states``.

    Raises
    ------
    ExpressionError
        The evaluation fails or has no value, which fails the state.
    """
    text = expression[2:-2].strip()
    bindings = {name: _or_null(value) for name, value in variables.items()}
    bindings["states"] = dict(states)
    try:
        value = _prepared(text).evaluate(None, bindings)
        # the engine gives None for null and for no value
        has_value = value is not None or _prepared(f"$exists(({text}))").evaluate(None, bindings)
    except Exception as error:  # the engine raises Python's errors besides its own
        code = getattr(error, "error", None)
        message = f"{code}: {error}" if isinstance(code, str) else str(error)
        raise ExpressionError(message) from error
    if not has_value:
        raise ExpressionError(f"The JSONata expression '{text}' returned nothing (undefined).")
    return value


def _prepared(text: str) -> Any:
    expression = jsonata.Jsonata.jsonata(text, timeout=MILLISECONDS)
    # these two fail where AWS's fail and jsonata-python gives a value
    expression.register_lambda("toMillis", stepfunctions._sfn_jsonata_to_millis)
    expression.register_lambda("replace", stepfunctions._sfn_jsonata_replace)
    for name, function in FUNCTIONS.items():
        expression.register_lambda(name, function)
    return expression


def parse(text: str) -> Any:
    """Implements ``$parse``, which reads JSON only.

    Python's parser also reads NaN and Infinity, so an execution would succeed here and fail on AWS.

    Raises
    ------
    ValueError
        The text is not JSON.
    """
    return _or_null(parsed(text.encode()))


def _partition(array: list[Any], size: float) -> list[list[Any]]:
    step = math.floor(size)
    if not isinstance(array, list) or step < 1:
        raise ValueError(f"$partition expects an array and a size of at least 1; got {size}")
    return [array[start : start + step] for start in range(0, len(array), step)]


def _range(first: float, last: float, step: float) -> list[int]:
    start, end, delta = math.floor(first), math.floor(last), math.floor(step)
    if delta == 0:
        raise ValueError("$range expects a step other than 0")
    numbers = range(start, end + (1 if delta > 0 else -1), delta)
    if len(numbers) > _MOST_ITEMS:
        raise ValueError(f"$range gives at most {_MOST_ITEMS} numbers; got {len(numbers)}")
    return list(numbers)


def _hash(text: str, algorithm: str) -> str:
    if not isinstance(text, str) or algorithm not in _HASHES:
        raise ValueError(f"$hash expects a string and one of {', '.join(_HASHES)}; got {algorithm}")
    return _HASHES[algorithm](text.encode()).hexdigest()


def _random(seed: float | None = None) -> float:
    chosen = random.Random() if seed is None else random.Random(math.floor(seed))  # noqa: S311
    return chosen.random()


def _eval(*_: Any) -> Any:
    raise ValueError("T1006: $eval is not a function of Step Functions; use $parse to read JSON")


def _or_null(value: Any) -> Any:
    return Utils.NULL_VALUE if value is None else value  # None would be a variable without a value


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "eval": _eval,
    "hash": _hash,
    "parse": parse,
    "partition": _partition,
    "random": _random,
    "range": _range,
    "uuid": lambda: str(uuid.uuid4()),
}
"""Functions that Step Functions adds to JSONata, and ``$eval``, which it lacks."""
