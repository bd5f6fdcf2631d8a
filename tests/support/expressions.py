"""Evaluates JSONata as Step Functions does, with the functions that it adds to the language."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import jsonata

_ADDED = {
    "hash": lambda text, algorithm: hashlib.new(
        algorithm.replace("-", "").lower(), text.encode()
    ).hexdigest(),
    "parse": json.loads,
}
"""https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""


def evaluate(expression: str, /, **variables: Any) -> Any:
    """Value of an expression, with or without the ``{% %}`` that a state has around it."""
    text = expression.removeprefix("{%").removesuffix("%}").strip()
    for name in _ADDED:  # the library has names of its own for what it can't be told anew
        text = re.sub(rf"\${name}\(", f"$added_{name}(", text)
    compiled = jsonata.Jsonata.jsonata(text)
    for name, function in _ADDED.items():
        compiled.register_lambda(f"added_{name}", function)
    return compiled.evaluate(None, variables)
