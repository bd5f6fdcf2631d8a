"""Images of our own containers: named by the environment, tagged by what is in them.

The same sources have the same tag, so a training job says which code it ran, a plan shows that an
image has changed, and what was pushed under a tag need never be pushed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from contracts.import_closure import import_closure
from contracts.models.algorithms import ALGORITHMS
from contracts.names import Names

REPOSITORY = Path(__file__).resolve().parents[2]

_CONTAINERS = "sagemaker/containers"
_SHARED = (f"{_CONTAINERS}/runtime", f"{_CONTAINERS}/forecast")
_PYTHON = "#!/usr/bin/env python3\n"

OWN_IMAGES: Mapping[str, str] = {
    **{one.name: one.folder for one in ALGORITHMS.values() if one.built_in is None},
    "evaluation": f"{_CONTAINERS}/evaluation",
}
"""Folders of the containers that an image is built of; the others stand for SageMaker's images."""


def image_uri(names: Names, container: str, root: Path = REPOSITORY) -> str:
    """The image of one of `OWN_IMAGES` in the estate's own registry, at the tag of its sources.

    Raises
    ------
    KeyError
        There is no such container.
    FileNotFoundError
        Its sources are not below ``root``.
    """
    registry = f"{names.account_id}.dkr.ecr.{names.region}.amazonaws.com"
    return f"{registry}/{names.repository(container)}:{tag(container, root)}"


def tag(container: str, root: Path = REPOSITORY) -> str:
    """Sixteen hexadecimal digits of a hash over paths and bytes of a container's sources."""
    digest = hashlib.sha256()
    for file in sources(container, root):
        content = file.read_bytes()
        name = file.relative_to(root).as_posix()
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def sources(container: str, root: Path = REPOSITORY) -> list[Path]:
    """Files that an image is built of: those of its folder, and all that its programs import.

    Raises
    ------
    FileNotFoundError
        They are not below ``root``.
    """
    folder = root / OWN_IMAGES[container]
    own = [path for path in folder.glob("*") if path.is_file()]
    programs = [path for path in own if path.read_bytes().startswith(_PYTHON.encode())]
    if not programs:
        raise FileNotFoundError(f"{folder} holds no sources of the image {container}")
    shared = (root / name for name in _SHARED)
    imported = import_closure(programs, (root, *shared, folder))
    return sorted({*own, *imported.values()})
