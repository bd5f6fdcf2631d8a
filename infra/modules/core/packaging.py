"""Zips of our own code for Lambda and Glue: the same sources give the same bytes everywhere.

A zip holds what its program imports and nothing else (`contracts.import_closure`), so that a
change elsewhere is no change to it. Terraform sees changed code by its hash: a zip with the clock
in it, or with whatever zlib made of it, would be a change on every machine.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tomllib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from contracts.import_closure import import_closure

REPOSITORY = Path(__file__).parents[3]

PYPROJECT = REPOSITORY / "pyproject.toml"

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can say


@dataclass(frozen=True)
class Package:
    """A file to be uploaded, stored under a name that holds its hash.

    A saved plan names the file, so it must still hold the same bytes when the plan is applied,
    whatever was written in between.

    Parameters
    ----------
    path
        Where it was written.
    digest
        SHA-256 of its bytes.
    """

    path: Path
    digest: bytes

    @property
    def base64_sha256(self) -> str:
        """The digest as Lambda's CodeSha256 and Terraform's ``source_code_hash`` write it."""
        return base64.b64encode(self.digest).decode()

    @property
    def source(self) -> str:
        """Its path from a folder that Terraform runs in, which lies beside the packages' folder.

        It goes into the state, so it must be the same on every machine.
        """
        return f"../{self.path.parent.name}/{self.path.name}"


def pinned(module: str) -> str:
    """``module==version`` of what the project's own environment is pinned to.

    Raises
    ------
    ValueError
        Where it is not pinned.
    """
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    for requirement in project["dependencies"]:
        if requirement.startswith(f"{module}=="):
            return str(requirement)
    raise ValueError(f"expected {module}== among the dependencies in {PYPROJECT}")


def function_zip(
    package: str,
    root: Path = REPOSITORY,
    *,
    vendored: Sequence[Path] = (),
    made: Mapping[str, bytes] = MappingProxyType({}),
) -> bytes:
    """Build a Lambda function's zip: the ``handler`` of a package in ``lambdas/``, and its imports.

    Parameters
    ----------
    root
        Repository that the sources are taken from.
    vendored
        Folders of third-party packages that Lambda lacks.
    made
        Files that lie in no folder, by their names in the zip.
    """
    lambdas = root / "lambdas"
    files = import_closure([lambdas / package / "handler.py"], [root, lambdas])
    for folder in vendored:
        modules = folder.rglob("*.py")
        files |= {module.relative_to(folder.parent).as_posix(): module for module in modules}
    return zip_of({**files, **made})


def library_zip(scripts: Iterable[Path], root: Path = REPOSITORY) -> bytes:
    """Build the Glue jobs' library: what their scripts import, without the scripts themselves."""
    alone = tuple(scripts)
    files = import_closure(alone, [root])
    return zip_of({name: file for name, file in files.items() if file not in alone})


def zip_of(files: Mapping[str, Path | bytes]) -> bytes:
    """A zip of files, or of their content, by their names in it.

    Entries are sorted, dated to one moment, of one mode, and stored uncompressed: compressed
    bytes differ between versions of zlib.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, file in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3  # unix, also where it is not
            archive.writestr(entry, file if isinstance(file, bytes) else file.read_bytes())
    return buffer.getvalue()


def store(content: bytes, name: str, folder: Path) -> Package:
    """Write ``content`` as ``<stem>-<hash><suffix>`` into a folder, unless it is there already."""
    digest = hashlib.sha256(content).digest()
    stem, suffix = Path(name).stem, Path(name).suffix
    path = folder / f"{stem}-{digest.hex()[:16]}{suffix}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(path.suffix + ".partial")
        partial.write_bytes(content)
        partial.replace(path)
    return Package(path, digest)
