"""The files that a program needs: all that it imports of ours, and nothing else."""

from __future__ import annotations

import pytest

from contracts.import_closure import import_closure

SOURCES = {
    "main.py": "import json\nfrom ours.rooms import kitchen\nfrom ours.names import NAME\n",
    "ours/__init__.py": "",
    "ours/names.py": "NAME = 'names'\n",
    "ours/unused.py": "import nothing\n",
    "ours/rooms/__init__.py": "",
    "ours/rooms/kitchen.py": "def cook():\n    from ours.rooms import oven\n\n    return oven\n",
    "ours/rooms/oven.py": "TEXT = 'menu.json'\nOTHER = 'no.json'\n",
    "ours/rooms/menu.json": "{}",
    "ours/rooms/wine.json": "{}",
    "ours/rooms/attic.py": "",
}


@pytest.fixture
def root(tmp_path):
    for name, text in SOURCES.items():
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return tmp_path


def closure(root, *others):
    return list(import_closure([root / "main.py"], [root, *others]))


def test_modules_packages_and_named_data_are_in_the_closure(root):
    assert closure(root) == [
        "main.py",
        "ours/__init__.py",
        "ours/names.py",
        "ours/rooms/__init__.py",
        "ours/rooms/kitchen.py",
        "ours/rooms/menu.json",
        "ours/rooms/oven.py",
    ]


def test_parent_packages_are_part_of_a_programs_closure(root):
    found = import_closure([root / "ours/rooms/attic.py"], [root])
    assert list(found) == ["ours/__init__.py", "ours/rooms/__init__.py", "ours/rooms/attic.py"]


def test_imports_for_type_checking_are_left_out(root):
    guarded = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import ours.unused\n"
    (root / "main.py").write_text(guarded)
    assert closure(root) == ["main.py"]


def test_packages_are_looked_for_in_all_roots(root, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "theirs.py").write_text("import ours.names\n")
    (root / "main.py").write_text("import theirs\n")
    assert closure(root, other) == ["main.py", "ours/__init__.py", "ours/names.py", "theirs.py"]


@pytest.mark.parametrize("line", ["import ours.rooms.cellar", "from ours.cellar import WINE"])
def test_a_module_that_is_missing_in_our_own_package_is_named(root, line):
    (root / "main.py").write_text(f"{line}\n")
    with pytest.raises(ModuleNotFoundError, match=r"expected a module ours\.(rooms\.)?cellar"):
        closure(root)


def test_relative_imports_are_refused(root):
    (root / "ours/names.py").write_text("from . import unused\n")
    with pytest.raises(ModuleNotFoundError, match=r"expected absolute imports; got from \. import"):
        closure(root)
