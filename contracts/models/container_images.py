"""Images of our own containers, named by environment and tagged by content.

The same sources have the same tag. So a training job shows which code it ran, a plan shows that an
image has changed, and a pushed tag never needs to be pushed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from contracts.import_closure import import_closure
from contracts.models.algorithms import ALGORITHMS
from contracts.names import Names, arn

REPOSITORY = Path(__file__).resolve().parents[2]

_CONTAINERS = "sagemaker/containers"
_SHARED = (f"{_CONTAINERS}/runtime", f"{_CONTAINERS}/forecast")
_PYTHON = "#!/usr/bin/env python3\n"

OWN_IMAGES: Mapping[str, str] = {
    **{one.name: one.folder for one in ALGORITHMS.values() if one.built_in is None},
    "evaluation": f"{_CONTAINERS}/evaluation",
}
"""Containers that we build images of; the others are local versions of SageMaker's images."""


def image_uri(names: Names, container: str, root: Path = REPOSITORY) -> str:
    """Returns the URI of one of `OWN_IMAGES` in the estate's registry, tagged by its sources.

    Raises
    ------
    KeyError
        The container does not exist.
    FileNotFoundError
        The container's sources are not below ``root``.
    """
    registry = f"{names.account_id}.dkr.ecr.{names.region}.amazonaws.com"
    return f"{registry}/{names.repository(container)}:{tag(container, root)}"


def repository_arns(names: Names) -> tuple[str, ...]:
    """Returns the ARNs of all images' repositories.

    A built-in algorithm's image is in an account of AWS, a different one per region.
    """
    built_in = (one.built_in for one in ALGORITHMS.values() if one.built_in is not None)
    return (
        *(arn("ecr", f"repository/{one}", region=names.region, account_id="*") for one in built_in),
        *(names.arn("ecr", f"repository/{names.repository(one)}") for one in OWN_IMAGES),
    )


def tag(container: str, root: Path = REPOSITORY) -> str:
    """Returns 16 hexadecimal digits of a hash over the paths and bytes of a container's sources."""
    digest = hashlib.sha256()
    for file in sources(container, root):
        content = file.read_bytes()
        name = file.relative_to(root).as_posix()
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def sources(container: str, root: Path = REPOSITORY) -> list[Path]:
    """Returns the files of an image: those in its folder, and all that its programs import.

    Raises
    ------
    FileNotFoundError
        The container's sources are not below ``root``.
    """
    folder = root / OWN_IMAGES[container]
    own = [path for path in folder.glob("*") if path.is_file()]
    programs = [path for path in own if path.read_bytes().startswith(_PYTHON.encode())]
    if not programs:
        raise FileNotFoundError(f"{folder} holds no sources of the image {container}")
    shared = (root / name for name in _SHARED)
    imported = import_closure(programs, (root, *shared, folder))
    return sorted({*own, *imported.values()})
