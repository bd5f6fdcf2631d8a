"""Images of our own containers: named by the environment, tagged by what is in them.

The same sources have the same tag, so a training job says which code it ran, a plan shows that an
image has changed, and what was pushed under a tag need never be pushed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from contracts.models.algorithms import ALGORITHMS
from contracts.names import Names

REPOSITORY = Path(__file__).resolve().parents[2]

_CONTAINERS = "sagemaker/containers"
_SHARED = (f"{_CONTAINERS}/runtime", f"{_CONTAINERS}/forecast")
CONTENTS: Mapping[str, tuple[str, ...]] = {
    **{one.name: (*_SHARED, one.folder) for one in ALGORITHMS.values() if one.built_in is None},
    "evaluation": ("contracts", *_SHARED, f"{_CONTAINERS}/evaluation"),
}
"""Folders of the repository that an image is made of."""


def image_uri(names: Names, container: str, root: Path = REPOSITORY) -> str:
    """The image of one of `CONTENTS` in the estate's own registry, at the tag of its sources.

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
    for part in CONTENTS[container]:
        files = sorted(_sources(root / part))
        if not files:
            raise FileNotFoundError(f"{root / part} holds no sources of the image {container}")
        for file in files:
            content = file.read_bytes()
            name = file.relative_to(root).as_posix()
            digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _sources(folder: Path) -> Iterator[Path]:
    return (
        path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
