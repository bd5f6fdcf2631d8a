"""Folders that stand for images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.models.algorithms import ALGORITHMS, Algorithm
from contracts.names import ENVIRONMENTS

_REPOSITORY = re.compile(r"^(?:[^/]+/)?(?P<repository>[^:@]+)(?:[:@].*)?$")

# An estate's own images are named by its environment.
_OWN = re.compile(f"^lakecast-(?:{'|'.join(ENVIRONMENTS)})-")


class UnknownImageError(LookupError):
    """No folder stands for the image."""


@dataclass(frozen=True)
class Image:
    """An image's folder, with the executable Python scripts ``train`` and ``serve``."""

    uri: str
    folder: Path

    def script(self, name: str) -> Path:
        """The script for ``docker run IMAGE name``; `UnknownImageError` where it is missing."""
        script = self.folder / name
        if not script.is_file():
            raise UnknownImageError(f"image {self.uri} has no {name}: {script} does not exist")
        return script


def find(uri: str, folders: Sequence[Path]) -> Image:
    """The image's folder, or `UnknownImageError` that says which folders were looked at."""
    name = _OWN.sub("", repository(uri))
    built_in = _built_in(name)
    if built_in is not None:
        name = Path(built_in.folder).name
    for folder in folders:
        if (folder / name).is_dir():
            return Image(uri, folder / name)
    places = ", ".join(str(folder / name) for folder in folders)
    raise UnknownImageError(
        f"no container of the local cloud stands for image {uri}; looked for {places}"
    )


def repository(uri: str) -> str:
    """``1.dkr.ecr.eu-west-1.amazonaws.com/forecasting-deepar:1`` -> ``forecasting-deepar``."""
    match = _REPOSITORY.match(uri)
    name = match["repository"] if match else uri
    if ".." in name.split("/") or name.startswith("/"):
        raise UnknownImageError(f"{uri} is not the name of an image")
    return name


def metric_definitions(uri: str) -> list[dict[str, str]]:
    """SageMaker's own metric definitions of a built-in algorithm; none for other images."""
    built_in = _built_in(repository(uri))
    lines = built_in.metrics if built_in is not None else {}
    return [{"Name": name, "Regex": regex} for name, regex in lines.items()]


def _built_in(repository: str) -> Algorithm | None:
    """Algorithm of SageMaker's own whose image lies in the repository."""
    return next((one for one in ALGORITHMS.values() if one.built_in == repository), None)
