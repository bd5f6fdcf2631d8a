"""Registries of the images that we make ourselves."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.ecr_lifecycle_policy import EcrLifecyclePolicy
from cdktf_cdktf_provider_aws.ecr_repository import (
    EcrRepository,
    EcrRepositoryEncryptionConfiguration,
    EcrRepositoryImageScanningConfiguration,
)
from constructs import Construct

from contracts.models.container_images import OWN_IMAGES
from contracts.names import Names

_UNTAGGED_DAYS = 7


@dataclass(frozen=True)
class ImagesInputs:
    """Whose images they are, their key, and whether they may be destroyed.

    Parameters
    ----------
    force_destroy
        Registries may be destroyed with the images in them.
    """

    names: Names
    key_arn: str
    prevent_destroy: bool
    force_destroy: bool


class Images(Construct):
    """A registry for each of `contracts.models.container_images.OWN_IMAGES`.

    A tag says which sources an image is made of, so it is never given to another image. Images
    stay, as a model that was approved once may be served again; only what lost its tag goes.
    """

    def __init__(self, scope: Construct, id_: str, inputs: ImagesInputs) -> None:
        super().__init__(scope, id_)
        for container in OWN_IMAGES:
            repository = EcrRepository(
                self,
                container,
                name=inputs.names.repository(container),
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=EcrRepositoryImageScanningConfiguration(
                    scan_on_push=True
                ),
                encryption_configuration=[
                    EcrRepositoryEncryptionConfiguration(
                        encryption_type="KMS", kms_key=inputs.key_arn
                    )
                ],
                force_delete=inputs.force_destroy,
                lifecycle=TerraformResourceLifecycle(prevent_destroy=inputs.prevent_destroy),
            )
            EcrLifecyclePolicy(
                self,
                f"{container}_ageing",
                repository=repository.name,
                policy=json.dumps({"rules": [_UNTAGGED]}),
            )


_UNTAGGED = {
    "rulePriority": 1,
    "description": "what a build left without a tag",
    "selection": {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": _UNTAGGED_DAYS,
    },
    "action": {"type": "expire"},
}
