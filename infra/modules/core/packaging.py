"""Builds reproducible zips for Lambda and Glue: the same sources give the same bytes everywhere.

A zip holds only what its program imports (`contracts.import_closure`), so a change elsewhere does
not change it. Terraform detects changed code by its hash. Timestamps, or compression by different
versions of zlib, would therefore show as a change on every machine.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from contracts.import_closure import import_closure

REPOSITORY = Path(__file__).parents[3]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest timestamp that a zip can store


@dataclass(frozen=True)
class Package:
    """A file to upload, stored under a name that contains its hash.

    A saved plan refers to the file by name, so the file must hold the same bytes when the plan is
    applied, even if other packages are written in between.

    Parameters
    ----------
    path
        Path of the file.
    digest
        SHA-256 of the file's bytes.
    """

    path: Path
    digest: bytes

    @property
    def base64_sha256(self) -> str:
        """The digest in the format of Lambda's CodeSha256 and Terraform's ``source_code_hash``."""
        return base64.b64encode(self.digest).decode()

    @property
    def source(self) -> str:
        """The path relative to a folder that Terraform runs in, a sibling of the packages' folder.

        Terraform stores it in its state, so it must be the same on every machine.
        """
        return f"../{self.path.parent.name}/{self.path.name}"


def function_zip(
    package: str,
    root: Path = REPOSITORY,
    *,
    vendored: Sequence[Path] = (),
    made: Mapping[str, bytes] = MappingProxyType({}),
) -> bytes:
    """Builds a Lambda function's zip: the ``handler`` of a package in ``lambdas/`` and its imports.

    Parameters
    ----------
    root
        Root of the repository.
    vendored
        Folders of third-party packages that the Lambda runtime does not provide.
    made
        Generated files, by their names in the zip.
    """
    lambdas = root / "lambdas"
    files = import_closure([lambdas / package / "handler.py"], [root, lambdas])
    for folder in vendored:
        modules = folder.rglob("*.py")
        files |= {module.relative_to(folder.parent).as_posix(): module for module in modules}
    return zip_of({**files, **made})


def library_zip(scripts: Iterable[Path], root: Path = REPOSITORY) -> bytes:
    """Builds the Glue jobs' library: what the scripts import, without the scripts themselves."""
    alone = tuple(scripts)
    files = import_closure(alone, [root])
    return zip_of({name: file for name, file in files.items() if file not in alone})


def zip_of(files: Mapping[str, Path | bytes]) -> bytes:
    """Returns a zip of files, or of their content, by their names in the zip.

    Entries are sorted, have the same timestamp and mode, and are stored uncompressed, because
    compressed bytes differ between versions of zlib.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, file in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3  # Unix, on every platform
            archive.writestr(entry, file if isinstance(file, bytes) else file.read_bytes())
    return buffer.getvalue()


def store(content: bytes, name: str, folder: Path) -> Package:
    """Writes ``content`` to ``<stem>-<hash><suffix>`` in a folder, unless the file exists."""
    digest = hashlib.sha256(content).digest()
    stem, suffix = Path(name).stem, Path(name).suffix
    path = folder / f"{stem}-{digest.hex()[:16]}{suffix}"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(path.suffix + ".partial")
        partial.write_bytes(content)
        partial.replace(path)
    return Package(path, digest)
