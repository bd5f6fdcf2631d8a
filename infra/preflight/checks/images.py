"""Whether the containers' images are in the registry."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from contracts.models.container_images import OWN_IMAGES, image_uri
from infra.preflight.account import Account
from infra.preflight.findings import ATTENTION, OK, Finding


def check(account: Account) -> Iterator[Finding]:
    """Checks the repository, the tag of the present sources, and the digest of each image."""
    if account.names.environment == "local":
        folders = "none needed: the local cloud starts containers from their folders"
        yield Finding("images", OK, "no image", folders)
        return
    ecr = account.client("ecr")
    push = f"`make images ENV={account.names.environment}`, which needs Docker"
    for container in OWN_IMAGES:
        repository = account.names.repository(container)
        tag = image_uri(account.names, container).rpartition(":")[2]
        name, expected = f"image {container}", f"{repository}:{tag}"
        try:
            found = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "RepositoryNotFoundException":
                yield Finding(
                    name, ATTENTION, expected, "no repository yet", f"after the first apply: {push}"
                )
            elif code == "ImageNotFoundException":
                yield Finding(name, ATTENTION, expected, "no image of these sources", push)
            else:
                raise
        else:
            details = found["imageDetails"]
            if details:
                digest = details[0]["imageDigest"]
                yield Finding(name, OK, expected, f"{expected}, {digest}")
            else:  # an emulator's answer; AWS raises ImageNotFoundException
                yield Finding(name, ATTENTION, expected, "no image of these sources", push)
