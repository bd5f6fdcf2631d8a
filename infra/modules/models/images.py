"""ECR repositories of the images that Lakecast builds."""

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
    """Names of the environment, and encryption and protection of the images.

    Parameters
    ----------
    force_destroy
        Whether repositories may be destroyed with the images in them.
    """

    names: Names
    key_arn: str
    prevent_destroy: bool
    force_destroy: bool


class Images(Construct):
    """A repository for each of `contracts.models.container_images.OWN_IMAGES`.

    A tag identifies the sources of an image and is therefore immutable. Tagged images are kept,
    because a model that was approved may be served again; untagged images expire.
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
                policy=json.dumps({"rules": [_UNTAGGED]}, allow_nan=False),
            )


_UNTAGGED = {
    "rulePriority": 1,
    "description": "untagged images",
    "selection": {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": _UNTAGGED_DAYS,
    },
    "action": {"type": "expire"},
}
