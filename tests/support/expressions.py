"""Evaluates JSONata as Step Functions does, with the functions that it adds to the language."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import jsonata

from localcloud.services.stepfunctions.expressions import parse

_ADDED = {
    "hash": lambda text, algorithm: hashlib.new(
        algorithm.replace("-", "").lower(), text.encode()
    ).hexdigest(),
    "parse": parse,
}
"""https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""


def is_expression(value: Any) -> bool:
    """Returns whether a value is a JSONata expression of a state machine."""
    return isinstance(value, str) and value.startswith("{%")


def evaluate(expression: str, /, **variables: Any) -> Any:
    """Returns the value of an expression, with or without a state's ``{% %}`` around it."""
    text = expression.removeprefix("{%").removesuffix("%}").strip()
    for name in _ADDED:  # the library cannot redefine its own functions of these names
        text = re.sub(rf"\${name}\(", f"$added_{name}(", text)
    compiled = jsonata.Jsonata.jsonata(text)
    for name, function in _ADDED.items():
        compiled.register_lambda(f"added_{name}", function)
    return compiled.evaluate(None, variables)
