"""Names give all ARNs: none is put together anywhere else."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HOME = "contracts/names/"
FOREIGN = {
    "infra/modules/machines/states_language.py": "Step Functions' integrations",
    "localcloud/services/eventbridge/events.py": "recognises state machines among targets",
}
"""Files that hold the beginning of an ARN, and why."""


def sources() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [one for one in listed.stdout.splitlines() if not one.startswith(("tests/", HOME))]


def literals(text: str) -> Iterator[int]:
    """Lines of strings that begin an ARN, docstrings left out."""
    tree = ast.parse(text)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and "arn:aws" in node.value and id(node) not in docstrings:
            yield node.lineno


@pytest.mark.parametrize("file", sources())
def test_no_arn_is_built_by_hand(file: str) -> None:
    lines = [*literals((ROOT / file).read_text(encoding="utf-8"))]
    if file in FOREIGN:
        assert lines, f"{file} holds no ARN any more: take it off the list"
    else:
        assert not lines, f"{file}:{lines}: use contracts.names, `Names.arn` or `arn`"


def test_an_arn_is_seen_in_plain_and_formatted_strings_but_not_in_docstrings() -> None:
    text = '"""arn:aws:s3:::a."""\nx = "arn:aws:s3:::a"\ny = f"arn:aws:iam::{x}:root"\n'
    assert [*literals(text)] == [2, 3]
