"""Finds the files that a program needs: the modules it imports, and their data files.

Each package (a function's zip, the job library, an image) holds these files only, so changes to
other files do not cause a new deployment. Sources are parsed and never imported. A module's files
include the ``__init__.py`` of each enclosing package, and every file in the module's folder whose
exact file name appears as a string in the module.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_FILE_NAME = re.compile(r"[\w.-]+\.\w+")


def import_closure(programs: Iterable[Path], roots: Sequence[Path]) -> dict[str, Path]:
    """Returns the files that programs need, including the programs.

    Parameters
    ----------
    programs
        Python sources below the roots.
    roots
        Folders that packages are imported from, in the order of Python's path. Modules found in
        none of them belong to the standard library or a third party, and are left out.

    Returns
    -------
    dict of str, Path
        Files by their path below their root, sorted.

    Raises
    ------
    ModuleNotFoundError
        A package below a root lacks a module that is imported from it.
    """
    found: dict[str, Path] = {}
    waiting = list(programs)
    while waiting:
        source = waiting.pop()
        name = _below(roots, source)
        if name in found:
            continue
        found[name] = source
        waiting += _packages_around(source)
        tree = ast.parse(source.read_text(encoding="utf-8"), str(source))
        found |= {_below(roots, data): data for data in _data_files(source, tree)}
        waiting += (file for module in _imports(tree) for file in _files_of(module, roots))
    return dict(sorted(found.items()))


def _below(roots: Sequence[Path], file: Path) -> str:
    """Returns a file's path relative to the innermost root that contains it."""
    inner = max((root for root in roots if file.is_relative_to(root)), key=lambda r: len(r.parts))
    return file.relative_to(inner).as_posix()


def _packages_around(source: Path) -> Iterator[Path]:
    """Yields the ``__init__.py`` of each package that contains a module."""
    folder = source.parent
    while (folder / "__init__.py").is_file():
        yield folder / "__init__.py"
        folder = folder.parent


def _imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yields modules that are imported anywhere in a source, and the name imported from each."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue  # for mypy alone
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise ModuleNotFoundError(f"expected absolute imports; got {ast.unparse(node)}")
            yield from ((node.module, alias.name) for alias in node.names)
        yield from _imports(node)


def _files_of(imported: tuple[str, str | None], roots: Sequence[Path]) -> Iterator[Path]:
    """Yields the sources that an import runs; none if the package is not below a root."""
    module, name = imported
    parts = module.split(".")
    root = next((root for root in roots if _source(root / parts[0])), None)
    if root is None:
        return
    for depth in range(1, len(parts) + 1):
        source = _source(root.joinpath(*parts[:depth]))
        if source is None:
            raise ModuleNotFoundError(f"expected a module {module} below {root}; there is none")
        yield source
    # The name is either a module of the package or something that the package defines.
    submodule = _source(root.joinpath(*parts, name)) if name else None
    if submodule is not None:
        yield submodule


def _source(place: Path) -> Path | None:
    """Returns the file of a module or of a package's ``__init__``; None if neither exists."""
    files = (place / "__init__.py", place.parent / f"{place.name}.py")
    return next((file for file in files if file.is_file()), None)


def _data_files(source: Path, tree: ast.AST) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            file = source.with_name(node.value) if _FILE_NAME.fullmatch(node.value) else source
            if file.suffix != ".py" and file.is_file():
                yield file
