"""Maps container images to local folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.models.algorithms import ALGORITHMS, Algorithm
from contracts.names import ENVIRONMENTS

_REPOSITORY = re.compile(r"^(?:[^/]+/)?(?P<repository>[^:@]+)(?:[:@].*)?$")

# The names of an estate's own images start with its environment.
_OWN_IMAGE = re.compile(f"^lakecast-(?:{'|'.join(ENVIRONMENTS)})-")


class UnknownImageError(LookupError):
    """There is no folder for the image."""


@dataclass(frozen=True)
class Image:
    """An image and its folder, which holds the Python scripts ``train`` and ``serve``."""

    uri: str
    folder: Path

    def script(self, name: str) -> Path:
        """Returns the script of ``docker run IMAGE name``; `UnknownImageError` if missing."""
        script = self.folder / name
        if not script.is_file():
            raise UnknownImageError(f"image {self.uri} has no {name}: {script} does not exist")
        return script


def find(uri: str, folders: Sequence[Path]) -> Image:
    """Finds an image's folder; raises `UnknownImageError` naming the folders searched."""
    name = _OWN_IMAGE.sub("", repository(uri))
    built_in = _built_in(name)
    if built_in is not None:
        name = Path(built_in.folder).name
    for folder in folders:
        if (folder / name).is_dir():
            return Image(uri, folder / name)
    places = ", ".join(str(folder / name) for folder in folders)
    raise UnknownImageError(f"the local cloud has no folder for image {uri}; looked for {places}")


def repository(uri: str) -> str:
    """Returns an image's repository, such as ``forecasting-deepar``, from its URI.

    The URI can be ``1.dkr.ecr.eu-west-1.amazonaws.com/forecasting-deepar:1``.
    """
    match = _REPOSITORY.match(uri)
    name = match["repository"] if match else uri
    if ".." in name.split("/") or name.startswith("/"):
        raise UnknownImageError(f"{uri} is not a valid image name")
    return name


def metric_definitions(uri: str) -> list[dict[str, str]]:
    """Returns SageMaker's metric definitions of a built-in algorithm; none for other images."""
    built_in = _built_in(repository(uri))
    lines = built_in.metrics if built_in is not None else {}
    return [{"Name": name, "Regex": regex} for name, regex in lines.items()]


def _built_in(repository: str) -> Algorithm | None:
    """Returns SageMaker's built-in algorithm with this image repository, if any."""
    return next((one for one in ALGORITHMS.values() if one.built_in == repository), None)
