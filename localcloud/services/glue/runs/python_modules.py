"""Checks the modules that a job asks Glue to install: ``--additional-python-modules``.

AWS installs them when the job starts. Here all modules are installed in advance, so a run that
requests others fails: it would run with other versions than requested.
https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html
"""

from __future__ import annotations

import functools
import io
import re
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.services.glue.staging import S3_URI, StagingError, split

PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)==([\w.+!-]+)")
ARGUMENT = "--additional-python-modules"
INSTALLER_OPTION = "--python-modules-installer-option"
WITHOUT_INDEX = "--no-index"
WHEELS = ".gluewheels.zip"
REQUIREMENTS = "wheels/requirements.txt"

_INSTALLED = (
    "import importlib.metadata as m, sys\n"
    "print(*sys.version_info[:2])\n"
    "for one in sys.argv[1:]:\n"
    "    try: print(m.version(one))\n"
    "    except m.PackageNotFoundError: print('no such module')\n"
)


def require(python: Path, arguments: Mapping[str, str], s3: Any) -> None:
    """Checks that an interpreter has the modules that a job requests.

    Parameters
    ----------
    arguments
        Arguments of the run. Modules are ``name==version``, or S3 URIs of zips of wheels.
    s3
        Client with the permissions of the job's role.

    Raises
    ------
    StagingError
        If a module is not installed in that version, is requested in another form, or a zip can't
        be read or lacks a wheel.
    """
    option = arguments.get(INSTALLER_OPTION, "")
    if option not in ("", WITHOUT_INDEX):
        raise StagingError(f"the local cloud supports {INSTALLER_OPTION} {WITHOUT_INDEX} only")
    pinned: dict[str, str] = {}
    wheels: list[str] = []
    for module in filter(None, map(str.strip, arguments.get(ARGUMENT, "").split(","))):
        if S3_URI.match(module):
            wheels += _packed(module, option, s3)
            pinned |= dict(_pinned(one) for one in _lines(_content(s3, module)))
        elif option:
            raise StagingError(f"with {WITHOUT_INDEX}, expected a zip of wheels; got {module}")
        else:
            pinned |= [_pinned(module)]
    if pinned:
        _check_installed(python, pinned, wheels)


def _packed(uri: str, option: str, s3: Any) -> list[str]:
    if not uri.endswith(WHEELS):
        raise StagingError(f"Glue takes modules in a zip named *{WHEELS}; got {uri}")
    if option != WITHOUT_INDEX:
        raise StagingError(
            f"without {INSTALLER_OPTION} {WITHOUT_INDEX}, pip would ask an index for what {uri} "
            "lacks; the local cloud has none"
        )
    return [name for name in _content(s3, uri)[0] if name.endswith(".whl")]


def _content(s3: Any, uri: str) -> tuple[tuple[str, ...], str]:
    """Returns the names in a zip, and the text of its requirements."""
    bucket, key = split(uri)
    try:
        version = s3.head_object(Bucket=bucket, Key=key)["ETag"]
        return _read(_Object(s3, bucket, key), version)
    except (ClientError, BotoCoreError) as error:
        raise StagingError(f"the job's role cannot read {uri}: {error}") from error
    except (zipfile.BadZipFile, KeyError) as error:
        raise StagingError(f"{uri} is no zip with {REQUIREMENTS}: {error}") from error


class _Object:
    """An object; equal to others in the same place, so that a version is read once."""

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        self._s3 = s3
        self._place = bucket, key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Object) and self._place == other._place

    def __hash__(self) -> int:
        return hash(self._place)

    def read(self) -> bytes:
        bucket, key = self._place
        content: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content


@functools.lru_cache(maxsize=16)
def _read(zipped: _Object, _version: str) -> tuple[tuple[str, ...], str]:
    with zipfile.ZipFile(io.BytesIO(zipped.read())) as archive:
        return tuple(archive.namelist()), archive.read(REQUIREMENTS).decode()


def _lines(content: tuple[tuple[str, ...], str]) -> Iterator[str]:
    return (line for line in content[1].splitlines() if line.strip())


def _pinned(module: str) -> tuple[str, str]:
    found = PINNED.fullmatch(module.strip())
    if found is None:
        raise StagingError(
            f"the local cloud expects modules in the form name==version, or a zip of wheels; got "
            f"{module!r}"
        )
    return found[1], found[2]


def _check_installed(python: Path, pinned: Mapping[str, str], wheels: list[str]) -> None:
    answer = subprocess.run(
        [str(python), "-P", "-c", _INSTALLED, *pinned],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    minor = int(answer[0].split()[1])
    for (name, version), installed in zip(pinned.items(), answer[1:], strict=True):
        if installed != version:
            raise StagingError(
                f"the job requires {name}=={version} ({ARGUMENT}); {python} has {installed}: "
                "install the required version"
            )
        if wheels and not any(_is_for(wheel, name, version, minor) for wheel in wheels):
            raise StagingError(
                f"{ARGUMENT} has no wheel of {name}=={version} for Python 3.{minor}; it has "
                f"{', '.join(wheels)}"
            )


def _is_for(wheel: str, name: str, version: str, minor: int) -> bool:
    """Returns whether pip would install a wheel for a module on Python 3.<minor>."""
    parts = wheel.rpartition("/")[2].removesuffix(".whl").split("-")
    if len(parts) not in (5, 6):  # a build number is optional
        return False
    same = re.sub(r"[-_.]+", "-", parts[0]).lower() == re.sub(r"[-_.]+", "-", name).lower()
    tags, abis = parts[-3].split("."), parts[-2].split(".")
    fits = (
        ("none" in abis and bool({"py3", f"cp3{minor}"} & set(tags)))
        or ("abi3" in abis and any(tag[:3] == "cp3" and int(tag[3:]) <= minor for tag in tags))
        or f"cp3{minor}" in abis
    )
    return same and parts[1] == version and fits
