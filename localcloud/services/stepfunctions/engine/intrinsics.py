"""Evaluates the intrinsic functions of JSONPath states.

https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contracts.json_text import parsed
from localcloud.services.stepfunctions.engine.errors import StateError
from localcloud.services.stepfunctions.engine.paths import Path

MAX_DEPTH = 10  # of calls inside calls
_MAX_CHARACTERS = 10_000
_MAX_ITEMS = 1000
_NAME = re.compile(r"\s*(States\.\w+)\(")
_TEXT = re.compile(r"\s*'((?:[^'\\]|\\.)*)'")
_PATH = re.compile(r"\s*(\$(?:\[[^\]]*\]|[^,()\s\[])*)")
_LITERAL = re.compile(r"\s*(-?\d+(?:\.\d+)?|true|false|null)(?=[\s,)])")

Read = Callable[[Path], Any]
Call = tuple[str, list[Any]]


def is_call(text: Any) -> bool:
    """Returns whether the value of a ``.$`` member is a call instead of a path."""
    return isinstance(text, str) and text.startswith("States.")


def parse(text: str) -> Call:
    """Parses a call into its name and its arguments: calls, paths and values.

    Raises
    ------
    ValueError
        It is no call of an intrinsic function.
    """
    call, end = _call(text, 0, 1)
    if text[end:].strip():
        raise ValueError(f"expected the end of the function call; got {text[end:]!r}")
    return call


def evaluate(call: Call, read: Read) -> Any:
    """Returns the value of a parsed call.

    Parameters
    ----------
    read
        Returns the value at a path.

    Raises
    ------
    StateError
        ``States.IntrinsicFailure``: the arguments are not what the function takes.
    """
    name, given = call
    values = [_value(argument, read) for argument in given]
    try:
        return FUNCTIONS[name](*values)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise StateError(
            "States.IntrinsicFailure", f"Invalid arguments in {name}: {error}"
        ) from error


def _call(text: str, start: int, depth: int) -> tuple[Call, int]:
    found = _NAME.match(text, start)
    if found is None or found[1] not in FUNCTIONS:
        raise ValueError(f"expected one of {', '.join(FUNCTIONS)}; got {text[start:]!r}")
    if depth > MAX_DEPTH:
        raise ValueError(f"expected at most {MAX_DEPTH} nested calls; got more")
    arguments: list[Any] = []
    position = found.end()
    while not (closed := re.compile(r"\s*\)").match(text, position)):
        if arguments:
            comma = re.compile(r"\s*,").match(text, position)
            if comma is None:
                raise ValueError(f"expected ',' or ')' at {text[position:]!r}")
            position = comma.end()
        argument, position = _argument(text, position, depth)
        arguments.append(argument)
    return (found[1], arguments), closed.end()


def _argument(text: str, start: int, depth: int) -> tuple[Any, int]:
    if _NAME.match(text, start):
        return _call(text, start, depth + 1)
    if found := _TEXT.match(text, start):
        return found[1], found.end()
    if found := _PATH.match(text, start):
        return Path.parse(found[1]), found.end()
    if found := _LITERAL.match(text, start):
        return json.loads(found[1]), found.end()
    raise ValueError(f"expected a string in '', a number, a path or a function at {text[start:]!r}")


def _value(argument: Any, read: Read) -> Any:
    if isinstance(argument, tuple):
        return evaluate(argument, read)
    return read(argument) if isinstance(argument, Path) else argument


def _format(template: str, *values: Any) -> str:
    parts = re.split(r"(?<!\\)\{\}", template)
    if len(parts) != len(values) + 1:
        raise ValueError(f"expected {len(parts) - 1} values for {template!r}; got {len(values)}")
    texts = [value if isinstance(value, str) else _json(value) for value in values]
    plain = [re.sub(r"\\(.)", r"\1", part) for part in parts]
    return plain[0] + "".join(text + part for text, part in zip(texts, plain[1:], strict=True))


def _split(text: str, delimiters: str) -> list[str]:
    return [part for part in re.split(f"[{re.escape(delimiters)}]", text) if part]


def _merge(first: Mapping[str, Any], second: Mapping[str, Any], deep: bool) -> dict[str, Any]:
    if deep is not False:
        raise ValueError("only the shallow merge is supported: the third argument must be false")
    return {**first, **second}


def _range(first: int, last: int, step: int) -> list[int]:
    found = range(_integer(first), _integer(last) + (1 if step > 0 else -1), _integer(step))
    if len(found) > _MAX_ITEMS:
        raise ValueError(f"expected at most {_MAX_ITEMS} items; got {len(found)}")
    return list(found)


def _partition(array: list[Any], size: int) -> list[list[Any]]:
    if _integer(size) < 1:
        raise ValueError(f"expected a chunk size of at least 1; got {size}")
    return [_array(array)[start : start + size] for start in range(0, len(array), size)]


def _unique(array: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in _array(array):
        if not any(_same(item, other) for other in found):
            found.append(item)
    return found


def _item(array: list[Any], index: int) -> Any:
    if _integer(index) < 0:
        raise ValueError(f"expected an index of at least 0; got {index}")
    return _array(array)[index]


def _hash(data: Any, algorithm: str) -> str:
    names = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384",
             "SHA-512": "sha512"}  # fmt: skip
    text = data if isinstance(data, str) else _json(data)
    return hashlib.new(names[algorithm], _short(text).encode()).hexdigest()


def _random(first: int, last: int, seed: int | None = None) -> int:
    chosen = random.Random(seed)  # noqa: S311
    return chosen.randrange(_integer(first), _integer(last))


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected an integer; got {value!r}")
    return value


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected an array; got {value!r}")
    return value


def _short(text: str) -> str:
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"expected at most {_MAX_CHARACTERS} characters; got {len(text)}")
    return text


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def _same(one: Any, other: Any) -> bool:
    return _json(one) == _json(other)  # in Python, 1, 1.0 and True are equal


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "States.Array": lambda *values: list(values),
    "States.ArrayPartition": _partition,
    "States.ArrayContains": lambda array, value: any(_same(value, one) for one in _array(array)),
    "States.ArrayRange": _range,
    "States.ArrayGetItem": _item,
    "States.ArrayLength": lambda array: len(_array(array)),
    "States.ArrayUnique": _unique,
    "States.Base64Encode": lambda text: base64.b64encode(_short(text).encode()).decode(),
    "States.Base64Decode": lambda text: base64.b64decode(_short(text)).decode(),
    "States.Hash": _hash,
    "States.JsonMerge": _merge,
    "States.StringToJson": lambda text: parsed(text.encode()),
    "States.JsonToString": _json,
    "States.MathRandom": _random,
    "States.MathAdd": lambda one, other: _integer(one) + _integer(other),
    "States.StringSplit": _split,
    "States.UUID": lambda: str(uuid.uuid4()),
    "States.Format": _format,
}


def arguments(call: Call) -> Sequence[Path]:
    """Returns the paths that a parsed call reads."""
    found: list[Path] = []
    for argument in call[1]:
        if isinstance(argument, tuple):
            found += arguments(argument)
        elif isinstance(argument, Path):
            found.append(argument)
    return found
