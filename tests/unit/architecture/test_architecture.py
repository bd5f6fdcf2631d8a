"""The rules of the house: imports and sizes of folders."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]
MOST_FILES = 15
LISTS = {Path("docs/adr")}
"""Folders that are lists: a reader looks an entry up by its number."""


def tracked(*patterns: str) -> list[Path]:
    found = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [Path(line) for line in found.stdout.splitlines()]


def test_imports_follow_the_architecture() -> None:
    # in a process of its own: import-linter's set-up of logging disables all existing loggers
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "pyproject.toml", "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_no_folder_holds_more_files_than_a_reader_can_survey() -> None:
    files = Counter(path.parent for path in tracked() if path.name != "__init__.py")
    crowded = {
        str(folder): count
        for folder, count in files.items()
        if count > MOST_FILES and folder not in LISTS
    }
    assert not crowded


def test_sagemaker_is_no_package() -> None:
    """An ``__init__.py`` there would shadow the SageMaker SDK."""
    assert not (ROOT / "sagemaker" / "__init__.py").exists()
