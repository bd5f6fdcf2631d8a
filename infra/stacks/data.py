"""The data stack: key, buckets, tables, catalogue, images and versions. It outlives the others.

It includes log groups and the alarm topic because they are encrypted with the key, whose ARN is
unknown to other stacks before this one is applied.
"""

from __future__ import annotations

from dataclasses import asdict

from cdktf import TerraformResourceLifecycle
from cdktf_cdktf_provider_aws.sagemaker_model_package_group import SagemakerModelPackageGroup
from constructs import Construct

from contracts.lake.locations import CHANNELS, NIGHTLY
from contracts.names import WORKLOADS, LogGroups, Names, Workload, WorkloadLogGroups
from infra.modules.core.bucket import Ageing, Bucket, BucketInputs
from infra.modules.core.key import DataKey, KeyInputs
from infra.modules.core.log_group import LogGroup, LogGroupInputs
from infra.modules.core.policy import Statement
from infra.modules.core.skips import skip
from infra.modules.core.table import Table, TableInputs
from infra.modules.lake.analytics import Analytics, AnalyticsInputs
from infra.modules.lake.catalogue import Catalogue, CatalogueInputs
from infra.modules.models.images import Images, ImagesInputs
from infra.modules.observability.alarm_topic import AlarmTopic, AlarmTopicInputs
from infra.stacks.base import EstateStack, Target


class DataStack(EstateStack):
    """The resources that hold data or encrypt it."""

    def __init__(self, scope: Construct, id_: str, target: Target) -> None:
        super().__init__(scope, id_, target)
        names, settings = target.names, target.settings
        protection = settings.protection
        key = DataKey(
            self,
            "key",
            KeyInputs(names, protection.key_deletion_days, protection.prevent_destroy),
        )
        self._buckets(key.arn)
        AlarmTopic(self, "alarms", AlarmTopicInputs(names, key.arn))
        Table(
            self,
            "interactions",  # by device and time, as they are queried
            TableInputs(
                names.interactions_table,
                key.arn,
                protection.prevent_destroy,
                hash_key="device_id",
                range_key="asked_at",
                expires_by="expires_at",
            ),
        )
        Table(
            self,
            "allow_list",  # items do not expire: they record which device used which entry
            TableInputs(
                names.allow_list_table,
                key.arn,
                protection.prevent_destroy,
                hash_key="serial_number",
            ),
        )
        Table(
            self,
            "locks",  # a lock that was never released has no effect after it has expired
            TableInputs(
                names.locks_table,
                key.arn,
                protection.prevent_destroy,
                hash_key="name",
                expires_by="expires_at",
            ),
        )
        Table(
            self,
            "releases",  # requested by operators; without an item, the newest approved version
            TableInputs(
                names.releases_table,
                key.arn,
                protection.prevent_destroy,
                hash_key="workload",
            ),
        )
        Images(
            self,
            "images",
            ImagesInputs(names, key.arn, protection.prevent_destroy, protection.force_destroy),
        )
        Catalogue(self, "catalogue", CatalogueInputs(names))
        Analytics(
            self,
            "analytics",
            AnalyticsInputs(names, key.arn, settings.athena.bytes_cutoff, protection.force_destroy),
        )
        self._log_groups(names.log_groups, key.arn)
        for workload in WORKLOADS:
            self._of_workload(workload, key.arn)

    def _of_workload(self, workload: Workload, key_arn: str) -> None:
        names, prefix = self.target.names.of(workload), f"{workload.name}_"
        SagemakerModelPackageGroup(
            self,
            f"{prefix}versions",
            model_package_group_name=names.model_package_group,
            model_package_group_description=f"Versions of the {workload.name} model",
            lifecycle=TerraformResourceLifecycle(
                prevent_destroy=self.target.settings.protection.prevent_destroy
            ),
        )
        self._log_groups(names.workload_log_groups, key_arn, prefix)

    def _log_groups(
        self, groups: LogGroups | WorkloadLogGroups, key_arn: str, prefix: str = ""
    ) -> None:
        days = self.target.settings.retention.log_days
        for name, group in asdict(groups).items():
            LogGroup(self, f"{prefix}{name}_logs", LogGroupInputs(group, days, key_arn))

    def _buckets(self, key_arn: str) -> None:
        names, settings = self.target.names, self.target.settings
        retention, protection = settings.retention, settings.protection
        derived = retention.derived_noncurrent_days
        ageing = {
            "raw": (Ageing("cold", cold_after_days=retention.raw_cold_after_days),),
            "curated": (
                Ageing("query-results", "athena-results/", None, retention.access_log_days),
            ),
            "models": tuple(
                Ageing(place.prefix.rstrip("/"), place.prefix, noncurrent_days=derived)
                for place in (CHANNELS, NIGHTLY)
            ),
        }
        noncurrent = dict.fromkeys(("raw", "models", "code", "logs"), retention.noncurrent_days)
        noncurrent["curated"] = derived  # made from raw, and rewritten every night
        logs = Bucket(
            self,
            "logs",
            BucketInputs(
                name=names.bucket("logs"),
                key_arn=None,
                access_logs=None,  # logging access to its own logs would never end
                noncurrent_days=noncurrent["logs"] if settings.storage.lifecycle else None,
                prevent_destroy=protection.prevent_destroy,
                force_destroy=protection.force_destroy,
                ageing=(Ageing("access-logs", "s3/", None, retention.access_log_days),),
                statements=(_log_delivery(names),),
            ),
        )
        skip(
            logs.bucket,
            CKV_AWS_145="S3 delivers access logs only to buckets with SSE-S3",
        )
        for purpose in ("raw", "curated", "models", "code"):
            Bucket(
                self,
                purpose,
                BucketInputs(
                    name=names.bucket(purpose),
                    key_arn=key_arn,
                    access_logs=logs,
                    noncurrent_days=noncurrent[purpose] if settings.storage.lifecycle else None,
                    prevent_destroy=protection.prevent_destroy,
                    force_destroy=protection.force_destroy,
                    ageing=ageing.get(purpose, ()),
                ),
            )


def _log_delivery(names: Names) -> Statement:
    return Statement(
        "AccessLogs",
        ("s3:PutObject",),
        (names.bucket_arn("logs", "s3/*"),),
        principals={"Service": "logging.s3.amazonaws.com"},
        conditions={"StringEquals": {"aws:SourceAccount": names.account_id}},
    )
