"""Athena's workgroup and named queries, and Glue's security configuration."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.athena_named_query import AthenaNamedQuery
from cdktf_cdktf_provider_aws.athena_workgroup import (
    AthenaWorkgroup,
    AthenaWorkgroupConfiguration,
    AthenaWorkgroupConfigurationResultConfiguration,
    AthenaWorkgroupConfigurationResultConfigurationEncryptionConfiguration,
)
from cdktf_cdktf_provider_aws.glue_security_configuration import (
    GlueSecurityConfiguration,
    GlueSecurityConfigurationEncryptionConfiguration,
    GlueSecurityConfigurationEncryptionConfigurationCloudwatchEncryption,
    GlueSecurityConfigurationEncryptionConfigurationJobBookmarksEncryption,
    GlueSecurityConfigurationEncryptionConfigurationS3Encryption,
)
from constructs import Construct

from contracts.lake.forecasts import LAST_WEEK, with_observed_values
from contracts.names import Names


@dataclass(frozen=True)
class AnalyticsInputs:
    """Names of the environment and the number of bytes after which a query is cancelled."""

    names: Names
    key_arn: str
    bytes_cutoff: int
    force_destroy: bool


class Analytics(Construct):
    """A workgroup whose limits clients can't override, and Glue's security configuration."""

    def __init__(self, scope: Construct, id_: str, inputs: AnalyticsInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        encryption = AthenaWorkgroupConfigurationResultConfigurationEncryptionConfiguration(
            encryption_option="SSE_KMS", kms_key_arn=inputs.key_arn
        )
        workgroup = AthenaWorkgroup(
            self,
            "workgroup",
            name=names.workgroup,
            description="Queries of the lake",
            force_destroy=inputs.force_destroy,
            configuration=AthenaWorkgroupConfiguration(
                enforce_workgroup_configuration=True,
                publish_cloudwatch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=inputs.bytes_cutoff,
                result_configuration=AthenaWorkgroupConfigurationResultConfiguration(
                    output_location=f"s3://{names.bucket('curated')}/athena-results/",
                    encryption_configuration=encryption,
                ),
            ),
        )
        AthenaNamedQuery(
            self,
            "forecasts_and_observed_values",
            name="forecasts and observed values",
            description="The last week's nightly forecasts, hour by hour",
            database=names.database,
            workgroup=workgroup.name,
            query=with_observed_values(LAST_WEEK),
        )
        GlueSecurityConfiguration(
            self,
            "glue_encryption",
            name=names.security_configuration,
            encryption_configuration=GlueSecurityConfigurationEncryptionConfiguration(
                cloudwatch_encryption=(
                    GlueSecurityConfigurationEncryptionConfigurationCloudwatchEncryption(
                        cloudwatch_encryption_mode="SSE-KMS", kms_key_arn=inputs.key_arn
                    )
                ),
                job_bookmarks_encryption=(
                    GlueSecurityConfigurationEncryptionConfigurationJobBookmarksEncryption(
                        job_bookmarks_encryption_mode="CSE-KMS", kms_key_arn=inputs.key_arn
                    )
                ),
                s3_encryption=GlueSecurityConfigurationEncryptionConfigurationS3Encryption(
                    s3_encryption_mode="SSE-KMS", kms_key_arn=inputs.key_arn
                ),
            ),
        )
