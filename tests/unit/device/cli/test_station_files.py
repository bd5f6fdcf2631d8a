"""The files that a station needs: those that its verbs import, without the operator's."""

from __future__ import annotations

import ast
import sys

from contracts.import_closure import import_closure
from contracts.models.container_images import REPOSITORY

STATION = ("device/cli/station.py", "lakecast/__main__.py")
THIRD_PARTY = {"awscrt", "awsiot", "cryptography", "cyclopts", "paho", "rich"}
"""Third-party packages, as listed in device/README.md."""


def test_a_station_needs_little_of_the_project_and_no_aws_client() -> None:
    files = import_closure([REPOSITORY / name for name in STATION], [REPOSITORY])
    folders = {"/".join(name.split("/")[:2]) for name in files if name.count("/") > 1}
    trees = [ast.parse(file.read_text()) for name, file in files.items() if name.endswith(".py")]
    imported = {
        module.partition(".")[0]
        for tree in trees
        for node in ast.walk(tree)
        for module in _modules(node)
    }

    assert {name for name in folders if name.startswith("contracts/")} == {
        "contracts/messages",
        "contracts/names",
        "contracts/recordings",
    }
    assert "device/operator" not in folders
    own = {"contracts", "device", "lakecast"}
    assert imported - set(sys.stdlib_module_names) - own == THIRD_PARTY


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
