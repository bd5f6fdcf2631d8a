"""Reads and parses the paths of JSONPath states.

Served are the steps ``.name``, ``['name']``, ``[0]``, ``.*`` and ``[*]`` from the roots ``$`` and
``$$``. Step Functions has more, such as filters and slices; a definition with one is refused, as no
library of the local cloud evaluates them as Step Functions does.
https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WILDCARD = object()
_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]()?@,:*$'"\s]+)"""
    r"""|\[\s*(?P<quote>['"])(?P<quoted>(?:(?!(?P=quote))[^\\]|\\.)*)(?P=quote)\s*\]"""
    r"""|\[(?P<index>\d+)\]"""
    r"""|(?P<wildcard>\.\*|\[\*\])"""
)
_UNSERVED = re.compile(r"\.\.|\[\?|\[[^'\"\]]*[:,(@-]|\.\w+\(\)|^\$\w")


class PathError(ValueError):
    """A path that cannot be parsed, or that leads nowhere."""


@dataclass(frozen=True)
class Path:
    """A parsed path: its text, whether it starts at the context object, and its steps."""

    text: str
    is_of_context: bool
    steps: tuple[Any, ...]

    @classmethod
    def parse(cls, text: str) -> Path:
        """Parses a path.

        Raises
        ------
        PathError
            It is no path, or one that the local cloud does not serve.
        """
        if not isinstance(text, str) or not text.startswith("$"):
            raise PathError(f"expected a JSONPath that starts with $; got {text!r}")
        if _UNSERVED.search(text):
            raise PathError(
                f"the local cloud does not support filters, slices, unions, functions, variables "
                f"and '..' in JSONPath; got {text!r}: use JSONata"
            )
        root = 2 if text.startswith("$$") else 1
        steps, position = [], root
        while position < len(text):
            found = _STEP.match(text, position)
            if found is None:
                raise PathError(f"expected .name, ['name'], [0] or [*] at {text[position:]!r}")
            steps.append(_step(found))
            position = found.end()
        return cls(text, root == 2, tuple(steps))

    @property
    def is_reference(self) -> bool:
        """Whether the path identifies one node."""
        return WILDCARD not in self.steps

    def read(self, data: Any) -> Any:
        """Returns the value at the path; an array of all values if it has a wildcard.

        Raises
        ------
        PathError
            There is no value.
        """
        values = [data]
        for step in self.steps:
            values = [found for value in values for found in _children(value, step)]
        if not self.is_reference:
            return values
        if not values:
            raise PathError(
                f"The JSONPath '{self.text}' could not be found in the input '{_text(data)}'"
            )
        return values[0]

    def written(self, data: Any, value: Any) -> Any:
        """Returns a copy of an object with a value set at this reference path.

        Raises
        ------
        PathError
            The path leads through something that is not an object.
        """
        if not self.steps:
            return value
        if not isinstance(data, Mapping) or not isinstance(self.steps[0], str):
            raise PathError(f"Unable to apply ReferencePath {self.text} to input {_text(data)}")
        name, rest = self.steps[0], Path(self.text, self.is_of_context, self.steps[1:])
        return {**data, name: rest.written(data.get(name, {}), value)}


def _step(found: re.Match[str]) -> Any:
    if found["name"] is not None:
        return found["name"]
    if found["quoted"] is not None:
        return re.sub(r"\\(.)", r"\1", found["quoted"])
    return int(found["index"]) if found["index"] is not None else WILDCARD


def _children(value: Any, step: Any) -> list[Any]:
    if step is WILDCARD:
        if isinstance(value, Mapping):
            return list(value.values())
        return list(value) if isinstance(value, list) else []
    if isinstance(step, str):
        return [value[step]] if isinstance(value, Mapping) and step in value else []
    return [value[step]] if isinstance(value, list) and step < len(value) else []


def _text(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
