"""The base class of all stacks: target, provider, state backend and resource addresses."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from cdktf import LocalBackend, S3Backend, TerraformElement, TerraformStack
from cdktf_cdktf_provider_aws.provider import AwsProvider, AwsProviderDefaultTags
from constructs import Construct, Node

from contracts.names import Names
from contracts.settings.schema import Settings
from infra.modules.core.packaging import Package, store
from infra.stacks.provider import VERSION as PROVIDER_VERSION

TERRAFORM_VERSION = "~> 1.11.0"
"""Minimum version; state locking in S3 without a DynamoDB table needs 1.10."""


@dataclass(frozen=True)
class Target:
    """An environment with its account, region and state backend.

    Parameters
    ----------
    artifacts
        Folder for packages of code, a sibling of the folders that Terraform runs in.
    backend
        Terraform's backend: ``local`` or ``s3``.
    """

    names: Names
    settings: Settings
    artifacts: Path
    backend: str


class EstateStack(TerraformStack):
    """A stack of the estate; stacks refer to each other by `contracts.names` only."""

    def __init__(self, scope: Construct, id_: str, target: Target) -> None:
        super().__init__(scope, id_)
        self.target = target
        names, settings = target.names, target.settings
        AwsProvider(
            self,
            "aws",
            region=names.region,
            allowed_account_ids=[names.account_id],  # rejects credentials of another account
            max_retries=settings.provider.max_retries,
            s3_use_path_style=settings.provider.s3_use_path_style,
            default_tags=[AwsProviderDefaultTags(tags=settings.tags.of(names.environment))],
        )
        self.add_override("terraform.required_version", TERRAFORM_VERSION)
        self.add_override("terraform.required_providers.aws.version", PROVIDER_VERSION)
        if target.backend == "local":
            LocalBackend(self, path="terraform.tfstate")  # relative to the stack's folder
        else:
            S3Backend(
                self,
                bucket=names.bucket("terraform-state"),
                key=f"{id_}.tfstate",
                region=names.region,
                encrypt=True,
            )
            self.add_override("terraform.backend.s3.use_lockfile", True)

    @property
    def alarm_targets(self) -> tuple[str, ...]:
        """ARNs that are notified of alarms: the environment's topic and those in the settings."""
        return (self.target.names.alarm_topic_arn, *self.target.settings.alarms.targets)

    def package(self, content: bytes, name: str) -> Package:
        """Stores a file for upload, in a sibling of the folders that Terraform runs in."""
        return store(content, name, self.target.artifacts)

    def file(self, package: Package) -> Package:
        """Links a file that exists for upload, in a sibling of the folders that Terraform runs in.

        Its name contains the digest, so a file of this name has this content.
        """
        target = self.target.artifacts / package.path.name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.hardlink_to(package.path)
            except OSError:  # on another disk
                shutil.copy(package.path, target)
        return replace(package, path=target)

    def _allocate_logical_id(self, tf_element: TerraformElement | Node) -> str:
        """Derives a resource's address from its path, ``aws_s3_bucket.raw``, without cdktf's hash.

        People read addresses in plans, imports and moves. Two resources of one type can't have the
        same path, and only ``this`` is dropped from it, so addresses are unique as long as no
        construct has a child with its own name.
        """
        node = tf_element if isinstance(tf_element, Node) else tf_element.node
        return "_".join(part for part in node.path.split("/")[1:] if part != "this")
