"""Documents are JSON: Python would also write NaN and Infinity, which no other reader accepts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.architecture.test_arns import sources

ROOT = Path(__file__).parents[3]
NO_DOCUMENT = {
    "contracts/settings/load.py": "writes TOML, which has nan",
    "glue_jobs/telemetry/parsing.py": "repeats a device's own text in a reason for quarantine",
}
"""Files whose output is not a JSON document, and why."""


def lenient(text: str) -> Iterator[int]:
    """Yield the lines of calls of `json.dump` and `json.dumps` that may write NaN."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="json"), attr="dump" | "dumps"), keywords=given
            ):
                if not any(
                    one.arg == "allow_nan"
                    and isinstance(one.value, ast.Constant)
                    and one.value.value is False
                    for one in given
                ):
                    yield node.lineno
            case ast.ImportFrom(module="json"):
                yield node.lineno  # its functions could not be recognised by their names


@pytest.mark.parametrize("file", sources())
def test_no_document_holds_a_number_that_json_lacks(file: str) -> None:
    lines = [*lenient((ROOT / file).read_text(encoding="utf-8"))]
    if file in NO_DOCUMENT:
        assert lines, f"{file} writes only documents: take it off the list"
    else:
        assert not lines, f"{file}:{lines}: use json.dumps(…, allow_nan=False)"


def test_calls_are_recognised_by_the_value_of_their_argument() -> None:
    text = (
        "import json\n"
        "json.dumps(x)\n"
        "json.dumps(x, allow_nan=False)\n"
        "json.dump(x, file, allow_nan=True)\n"
        "from json import dumps\n"
    )
    assert sorted(lenient(text)) == [2, 4, 5]
