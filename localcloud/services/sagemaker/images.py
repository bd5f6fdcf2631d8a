"""Which folder stands for which image; the one place that knows about built-in algorithms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.names import ENVIRONMENTS

_REPOSITORY = re.compile(r"^(?:[^/]+/)?(?P<repository>[^:@]+)(?:[:@].*)?$")

# An estate's own images are named by its environment.
_OWN = re.compile(f"^lakecast-(?:{'|'.join(ENVIRONMENTS)})-")

# SageMaker's built-in images, by repository. Any other image is looked for under its own name.
FOLDERS = {"forecasting-deepar": "deepar"}

# What SageMaker itself reads from the log of a built-in algorithm:
# https://docs.aws.amazon.com/sagemaker/latest/dg/deepar-tuning.html
_QUALITY = r"#quality_metric: host=\S+, "
BUILT_IN_METRICS = {
    "forecasting-deepar": (
        ("train:loss:batch", _QUALITY + r"epoch=\S+, batch=\S+ train loss <loss>=(\S+)"),
        ("train:loss", _QUALITY + r"epoch=\S+, train loss <loss>=(\S+)"),
        ("train:final_loss", _QUALITY + r"train final_loss <loss>=(\S+)"),
        ("train:progress", r"#progress_metric: host=\S+, completed (\S+) %"),
        ("train:throughput", r"#throughput_metric: host=\S+, train throughput=(\S+) records"),
        ("test:RMSE", _QUALITY + r"test RMSE <loss>=(\S+)"),
        ("test:mean_wQuantileLoss", _QUALITY + r"test mean_wQuantileLoss <loss>=(\S+)"),
    )
}


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
    name = FOLDERS.get(name, name)
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
    found = BUILT_IN_METRICS.get(repository(uri), ())
    return [{"Name": name, "Regex": regex} for name, regex in found]
