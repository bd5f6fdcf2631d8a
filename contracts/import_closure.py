"""Finds the files that a program needs: the modules it imports, and data files beside them.

Whatever is shipped (a function's zip, the job library, an image) holds these files and no others,
so a change elsewhere ships nothing anew. Sources are parsed and never imported. A module brings the
``__init__.py`` of each package around it, and every file of its own folder whose name stands in it
as a string: a module names a data file as it is called on the disk.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_FILE_NAME = re.compile(r"[\w.-]+\.\w+")


def import_closure(programs: Iterable[Path], roots: Sequence[Path]) -> dict[str, Path]:
    """Files that some programs need, the programs among them.

    Parameters
    ----------
    programs
        Python sources below the roots.
    roots
        Folders that packages are imported from, in the order of Python's path. What is found in
        none of them is the standard library's or a third party's, and left out.

    Returns
    -------
    dict of str, Path
        Each file by its path below its root, sorted.

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
    """The path of a file below the innermost root that it lies in."""
    inner = max((root for root in roots if file.is_relative_to(root)), key=lambda r: len(r.parts))
    return file.relative_to(inner).as_posix()


def _packages_around(source: Path) -> Iterator[Path]:
    """The ``__init__.py`` of each package that a module is in."""
    folder = source.parent
    while (folder / "__init__.py").is_file():
        yield folder / "__init__.py"
        folder = folder.parent


def _imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Modules that are imported anywhere in a source, and the name taken of each, if any."""
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
    """Sources that an import runs; none where the package is not ours."""
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
    # The name is a module of the package, or else something that the package defines.
    submodule = _source(root.joinpath(*parts, name)) if name else None
    if submodule is not None:
        yield submodule


def _source(place: Path) -> Path | None:
    """The file of a module, or of a package's ``__init__``; None where there is neither."""
    files = (place / "__init__.py", place.parent / f"{place.name}.py")
    return next((file for file in files if file.is_file()), None)


def _data_files(source: Path, tree: ast.AST) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            file = source.with_name(node.value) if _FILE_NAME.fullmatch(node.value) else source
            if file.suffix != ".py" and file.is_file():
                yield file
