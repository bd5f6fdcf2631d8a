"""Implements ``make images``: builds our own images and pushes missing ones. Needs Docker."""

from __future__ import annotations

import base64
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console

from contracts.models.container_images import OWN_IMAGES, REPOSITORY, image_uri, sources
from contracts.names import Names
from forecasting.errors import ForecastingError

PLATFORM = "linux/amd64"
"""Platform of SageMaker's instances, and of the images' lock files."""


def run(session: Any, names: Names, console: Console) -> None:
    """Builds and pushes every image whose tag is missing; a tag is a hash of the sources.

    Raises
    ------
    ForecastingError
        The registry does not exist, Docker is missing, or a build or push fails.
    """
    ecr = session.client("ecr")
    missing = [container for container in OWN_IMAGES if not _is_there(ecr, names, container)]
    if missing:
        _log_in(ecr)
    for container in missing:
        uri = image_uri(names, container)
        console.print(f"building {uri}", soft_wrap=True)
        _build(container, uri)
        _docker("push", uri)
    console.print(f"{len(missing)} of {len(OWN_IMAGES)} images were built and pushed")


def _build(container: str, uri: str) -> None:
    """Builds an image in a folder with only its sources, at the same paths as here."""
    dockerfile = f"{OWN_IMAGES[container]}/Dockerfile"
    with tempfile.TemporaryDirectory() as folder:
        stage(container, Path(folder))
        arguments = ("--platform", PLATFORM, "--file", f"{folder}/{dockerfile}", "--tag", uri)
        _docker("build", *arguments, folder)


def stage(container: str, folder: Path) -> None:
    """Copies an image's sources into a folder."""
    for source in sources(container):
        place = folder / source.relative_to(REPOSITORY)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)


def _is_there(ecr: Any, names: Names, container: str) -> bool:
    tag = image_uri(names, container).rpartition(":")[2]
    try:
        found = ecr.describe_images(
            repositoryName=names.repository(container), imageIds=[{"imageTag": tag}]
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ImageNotFoundException":
            return False
        if code == "RepositoryNotFoundException":
            raise ForecastingError(
                f"no registry {names.repository(container)}: run `make plan` and `make apply` first"
            ) from None
        raise
    return bool(found["imageDetails"])


def _log_in(ecr: Any) -> None:
    """Logs Docker in to the registry; the token is passed on standard input only."""
    found = ecr.get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(found["authorizationToken"]).decode().partition(":")
    _docker("login", "--username", user, "--password-stdin", found["proxyEndpoint"], told=password)


def _docker(*arguments: str, told: str | None = None) -> None:
    if shutil.which("docker") is None:
        raise ForecastingError("docker is not installed, and images are built with it")
    ended = subprocess.run(["docker", *arguments], input=told, text=True, check=False)
    if ended.returncode != 0:
        raise ForecastingError(f"docker {arguments[0]} failed with code {ended.returncode}")
