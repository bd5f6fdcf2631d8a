"""A private, encrypted and versioned S3 bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.s3_bucket_lifecycle_configuration import (
    S3BucketLifecycleConfiguration,
    S3BucketLifecycleConfigurationRule,
    S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload,
    S3BucketLifecycleConfigurationRuleExpiration,
    S3BucketLifecycleConfigurationRuleFilter,
    S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration,
    S3BucketLifecycleConfigurationRuleTransition,
)
from cdktf_cdktf_provider_aws.s3_bucket_logging import S3BucketLoggingA
from cdktf_cdktf_provider_aws.s3_bucket_ownership_controls import (
    S3BucketOwnershipControls,
    S3BucketOwnershipControlsRule,
)
from cdktf_cdktf_provider_aws.s3_bucket_policy import S3BucketPolicy
from cdktf_cdktf_provider_aws.s3_bucket_public_access_block import S3BucketPublicAccessBlock
from cdktf_cdktf_provider_aws.s3_bucket_server_side_encryption_configuration import (
    S3BucketServerSideEncryptionConfigurationA,
    S3BucketServerSideEncryptionConfigurationRuleA,
    S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA,
)
from cdktf_cdktf_provider_aws.s3_bucket_versioning import (
    S3BucketVersioningA,
    S3BucketVersioningVersioningConfiguration,
)
from constructs import Construct

from contracts.names import arn
from infra.modules.core.policy import Statement, document
from infra.modules.core.skips import skip


@dataclass(frozen=True)
class Ageing:
    """A lifecycle rule of a bucket.

    Parameters
    ----------
    prefix
        Prefix of the keys that the rule applies to; empty for all objects.
    cold_after_days
        Days until objects move to Glacier Instant Retrieval.
    expire_after_days
        Days until objects are deleted.
    noncurrent_days
        Days that overwritten and deleted versions are kept, if fewer than in the whole bucket.
    """

    name: str
    prefix: str = ""
    cold_after_days: int | None = None
    expire_after_days: int | None = None
    noncurrent_days: int | None = None


@dataclass(frozen=True)
class BucketInputs:
    """Name, encryption, retention and protection of a bucket.

    Parameters
    ----------
    key_arn
        KMS key that encrypts the objects; None for S3's own keys (SSE-S3).
    access_logs
        Bucket that receives the access logs, and whose policy permits their delivery; None
        disables access logging.
    noncurrent_days
        Days that overwritten and deleted versions are kept; None disables all lifecycle rules.
    statements
        Statements of the bucket policy in addition to the one that denies requests without TLS.
    """

    name: str
    key_arn: str | None
    access_logs: Bucket | None
    noncurrent_days: int | None
    prevent_destroy: bool
    force_destroy: bool
    ageing: Sequence[Ageing] = ()
    statements: Sequence[Statement] = ()


class Bucket(Construct):
    """A versioned, encrypted, private, access-logged bucket that is reached over TLS only."""

    def __init__(self, scope: Construct, id_: str, inputs: BucketInputs) -> None:
        super().__init__(scope, id_)
        self.bucket = S3Bucket(
            self,
            "this",
            bucket=inputs.name,
            force_destroy=inputs.force_destroy,
            lifecycle=TerraformResourceLifecycle(prevent_destroy=inputs.prevent_destroy),
        )
        skip(
            self.bucket,
            CKV_AWS_144="the estate is in one region; there is no cross-region replication yet",
            CKV2_AWS_62="nothing consumes event notifications: jobs read windows of arrival times",
        )
        name = self.bucket.bucket
        S3BucketVersioningA(
            self,
            "versioning",
            bucket=name,
            versioning_configuration=S3BucketVersioningVersioningConfiguration(status="Enabled"),
        )
        self._encrypt(name, inputs.key_arn)
        block = S3BucketPublicAccessBlock(
            self,
            "public_access",
            bucket=name,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        )
        S3BucketOwnershipControls(
            self,
            "ownership",
            bucket=name,
            rule=S3BucketOwnershipControlsRule(object_ownership="BucketOwnerEnforced"),
        )
        self.policy = S3BucketPolicy(
            self,
            "policy",
            bucket=name,
            policy=document(_tls_only(inputs.name), *inputs.statements),
            depends_on=[block],  # S3 rejects two concurrent changes of one bucket
        )
        if inputs.access_logs is not None:
            S3BucketLoggingA(
                self,
                "access_log",
                bucket=name,
                target_bucket=inputs.access_logs.bucket.bucket,
                target_prefix=f"s3/{inputs.name}/",
                depends_on=[inputs.access_logs.policy],  # S3 refuses a target without permission
            )
        if inputs.noncurrent_days is None:
            skip(
                self.bucket,
                CKV2_AWS_61="[storage] lifecycle is off in this environment's settings",
            )
        else:
            self._age(name, inputs.noncurrent_days, inputs.ageing)

    def _encrypt(self, name: str, key_arn: str | None) -> None:
        by_default = (
            S3BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultA(
                sse_algorithm="AES256" if key_arn is None else "aws:kms", kms_master_key_id=key_arn
            )
        )
        S3BucketServerSideEncryptionConfigurationA(
            self,
            "encryption",
            bucket=name,
            rule=[
                S3BucketServerSideEncryptionConfigurationRuleA(
                    apply_server_side_encryption_by_default=by_default,
                    bucket_key_enabled=key_arn is not None,
                )
            ],
        )

    def _age(self, name: str, noncurrent_days: int, ageing: Sequence[Ageing]) -> None:
        every_object = S3BucketLifecycleConfigurationRule(
            id="superseded",
            status="Enabled",
            filter=[S3BucketLifecycleConfigurationRuleFilter(prefix="")],
            noncurrent_version_expiration=_superseded(noncurrent_days),
            abort_incomplete_multipart_upload=[
                S3BucketLifecycleConfigurationRuleAbortIncompleteMultipartUpload(
                    days_after_initiation=7
                )
            ],
        )
        S3BucketLifecycleConfiguration(
            self, "lifecycle", bucket=name, rule=[every_object, *map(_ageing_rule, ageing)]
        )


def _ageing_rule(ageing: Ageing) -> S3BucketLifecycleConfigurationRule:
    transition = expiration = None
    if ageing.cold_after_days is not None:
        transition = [
            S3BucketLifecycleConfigurationRuleTransition(
                days=ageing.cold_after_days, storage_class="GLACIER_IR"
            )
        ]
    if ageing.expire_after_days is not None:
        expiration = [S3BucketLifecycleConfigurationRuleExpiration(days=ageing.expire_after_days)]
    return S3BucketLifecycleConfigurationRule(
        id=ageing.name,
        status="Enabled",
        filter=[S3BucketLifecycleConfigurationRuleFilter(prefix=ageing.prefix)],
        transition=transition,
        expiration=expiration,
        noncurrent_version_expiration=_superseded(ageing.noncurrent_days),
    )


def _superseded(
    days: int | None,
) -> list[S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration] | None:
    if days is None:
        return None
    return [S3BucketLifecycleConfigurationRuleNoncurrentVersionExpiration(noncurrent_days=days)]


def _tls_only(bucket: str) -> Statement:
    return Statement(
        "RefusePlainHttp",
        ("s3:*",),
        (arn("s3", bucket), arn("s3", f"{bucket}/*")),
        effect="Deny",
        principals="*",
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )
