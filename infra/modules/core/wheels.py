"""Packs the Python modules of the Glue jobs as wheels, so that no run installs from an index.

AWS Glue takes a zip of wheels from S3 and installs it with pip:
https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html

The wheels are packed from what ``make setup`` has installed. The lock's hashes verified that, and
each file is compared with the hash in its wheel's RECORD. Modules that Glue provides are left out,
because pip would replace them, and Glue's other modules need them as they are. A wheel with machine
code fits only the platform that it was installed on, which `check` compares with Glue's.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import Distribution, distributions
from pathlib import Path

from contracts.errors import LakecastError
from infra.modules.core.packaging import REPOSITORY, Package

MODULES = ("deltalake",)
"""Modules that the jobs import and Glue lacks."""

SUFFIX = ".gluewheels.zip"
"""Glue recognises a zip of wheels by this name."""

PYTHON = {"5.1": (3, 11), "6.0": (3, 13)}
"""Python of each Glue version."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_OF_THE_INSTALLER = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_OF_GLUE = re.compile(r"any|manylinux\w*_x86_64")


class WheelError(LakecastError):
    """A module is not installed, was changed after its installation, or does not fit Glue."""


@dataclass(frozen=True)
class Wheel:
    """An installed distribution, as the wheel that it came from."""

    distribution: Distribution

    @property
    def requirement(self) -> str:
        return f"{self.distribution.name}=={self.distribution.version}"

    @cached_property
    def tags(self) -> list[tuple[str, str, str]]:
        """Python, ABI and platform of each of its tags."""
        lines = (self.distribution.read_text("WHEEL") or "").splitlines()
        tags = (line.partition(": ")[2].split("-") for line in lines if line.startswith("Tag: "))
        return [(python, abi, platform) for python, abi, platform in tags]

    @property
    def name(self) -> str:
        """Name of the file, of which pip reads the tags."""
        stem = next(
            path.parts[0].removesuffix(".dist-info")
            for path in self.distribution.files or []
            if path.parts[0].endswith(".dist-info")
        )
        parts = (".".join(dict.fromkeys(part)) for part in zip(*self.tags, strict=True))
        return f"{stem}-{'-'.join(parts)}.whl"

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file, as RECORD has it."""
        return {
            path.as_posix(): path.hash.value if path.hash else ""
            for path in self.distribution.files or []
            if ".." not in path.parts
            and "__pycache__" not in path.parts
            and path.name not in _OF_THE_INSTALLER
        }

    def fits(self, python: tuple[int, int]) -> bool:
        """Returns whether pip installs it on Glue's machines, Linux on x86-64."""
        return any(
            _fits(tag, abi, python) and _OF_GLUE.fullmatch(platform)
            for tag, abi, platform in self.tags
        )

    def packed(self) -> bytes:
        """Returns the wheel.

        Raises
        ------
        WheelError
            A file has changed since it was installed.
        """
        record = []
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, expected in sorted(self.hashes.items()):
                content = Path(str(self.distribution.locate_file(name))).read_bytes()
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
                if digest.rstrip(b"=").decode() != expected:
                    raise WheelError(
                        f"{name} of {self.requirement} is not as it was installed: delete .venv "
                        "and run `make setup`"
                    )
                record.append(f"{name},sha256={expected},{len(content)}")
                archive.writestr(_entry(name), content, zipfile.ZIP_DEFLATED)
            place = next(name for name in self.hashes if name.endswith(".dist-info/WHEEL"))
            record_name = place.removesuffix("WHEEL") + "RECORD"
            lines = "\n".join([*record, f"{record_name},,"]) + "\n"
            archive.writestr(_entry(record_name), lines, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()


def site_packages(glue_version: str, prefix: Path = Path(sys.prefix)) -> Path:
    """Returns the folder with the modules of the environment for a Glue version.

    Raises
    ------
    WheelError
        The environment is not installed.
    """
    environment = prefix if PYTHON[glue_version] == PYTHON["5.1"] else prefix / "glue-6"
    found = next(environment.glob("lib/python3.*/site-packages"), None)
    if found is None:
        raise WheelError(f"{environment} does not exist: run `make setup-glue-6`")
    return found


def provided(glue_version: str) -> frozenset[str]:
    """Returns the names of the modules that Glue has, none for a version without such a list."""
    path = REPOSITORY / f"requirements/glue-{glue_version}.provided"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return frozenset(_key(line.partition("==")[0]) for line in lines if "==" in line)


def wheels(site: Path, without: Collection[str] = ()) -> list[Wheel]:
    """Returns the wheels of `MODULES` and of all that they require, ``without`` some modules.

    Raises
    ------
    WheelError
        One of them is not installed.
    """
    installed = {_key(one.name): one for one in distributions(path=[str(site)])}
    found: dict[str, Wheel] = {}
    pending = [(module, True) for module in MODULES]
    while pending:
        module, required = pending.pop()
        key = _key(module)
        if key in found or key in without or (key not in installed and not required):
            continue
        if key not in installed:
            raise WheelError(f"{site} lacks {module}: run `make setup`")
        found[key] = Wheel(installed[key])
        pending += _requirements(installed[key])
    return [found[key] for key in sorted(found)]


def check(glue_version: str, site: Path) -> None:
    """Checks that the wheels fit Glue's machines.

    Raises
    ------
    WheelError
        One was installed for another platform or Python.
    """
    python = PYTHON[glue_version]
    for one in wheels(site, provided(glue_version)):
        if not one.fits(python):
            raise WheelError(
                f"{one.name} does not fit AWS Glue {glue_version}, which runs Python "
                f"{python[0]}.{python[1]} on x86-64 Linux: plan on such a machine, as the "
                "workflows do"
            )


def archive(site: Path, cache: Path, without: Collection[str] = ()) -> Package:
    """Packs the zip of wheels, unless it is in the cache; its digest is that of its content."""
    packed = wheels(site, without)
    content = hashlib.sha256()
    for one in packed:
        files = "".join(f"{name},{value}\n" for name, value in sorted(one.hashes.items()))
        content.update(f"{one.name}\n{files}\n".encode())
    path = cache / f"modules-{content.hexdigest()[:16]}{SUFFIX}"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:  # another process may write it too
            partial = Path(folder) / path.name
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as written:
                lines = "".join(f"{one.requirement}\n" for one in packed)
                written.writestr(_entry("wheels/requirements.txt"), lines)
                for one in packed:
                    written.writestr(_entry(f"wheels/{one.name}"), one.packed())
            partial.replace(path)
    return Package(path, content.digest())


def _fits(tag: str, abi: str, python: tuple[int, int]) -> bool:
    exactly = f"cp{python[0]}{python[1]}"
    if abi == "none":
        return tag in ("py3", f"py{python[0]}{python[1]}", exactly)
    if abi == "abi3":  # of this minor version or any later one
        return tag.startswith(f"cp{python[0]}") and int(tag[3:]) <= python[1]
    return tag == abi == exactly


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = 0o100644 << 16
    entry.create_system = 3  # Unix, on every platform
    return entry


def _requirements(distribution: Distribution) -> Iterator[tuple[str, bool]]:
    """Yields what a distribution requires, and whether in every environment."""
    requirements: Iterable[str] = distribution.requires or []
    for one in requirements:
        specifier, _, marker = one.partition(";")
        name = _NAME.match(specifier)
        if name is not None and "extra" not in marker:
            yield name[0], not marker


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
