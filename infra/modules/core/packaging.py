"""Zips of our own code for Lambda and Glue: the same sources give the same bytes everywhere.

Terraform sees changed code by its hash. A zip with the clock in it, or with whatever zlib made of
it, would be a change on every machine.
"""

from __future__ import annotations

import base64
import hashlib
import io
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]

PYPROJECT = REPOSITORY / "pyproject.toml"

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can say
_SHIPPED = (".py", ".json", ".yaml")
_LEFT_OUT = ("__pycache__", "tests")


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


def zip_of(packages: Mapping[str, Path], made: Mapping[str, bytes] | None = None) -> bytes:
    """A zip with each folder's modules and data files below the given name.

    ``made`` are files that lie in no folder, by their names in the zip.

    Entries are sorted, dated to one moment, of one mode, and stored uncompressed: compressed
    bytes differ between versions of zlib.

    Raises
    ------
    FileNotFoundError
        A folder does not exist or holds nothing to ship.
    """
    content = dict(made or {})
    for name, folder in packages.items():
        files = list(_files(folder))
        if not files:
            raise FileNotFoundError(f"{folder} holds no code to package")
        for file in files:
            content[f"{name}/{file.relative_to(folder).as_posix()}"] = file.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(content.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3  # unix, also where it is not
            archive.writestr(entry, data)
    return buffer.getvalue()


def _files(folder: Path) -> Iterable[Path]:
    return (
        path
        for path in folder.rglob("*")
        if path.suffix in _SHIPPED and not set(path.parts) & set(_LEFT_OUT)
    )


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
