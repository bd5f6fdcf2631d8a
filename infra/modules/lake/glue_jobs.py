"""The Glue jobs with their code, the crawler over raw, and the role they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.glue_crawler import (
    GlueCrawler,
    GlueCrawlerRecrawlPolicy,
    GlueCrawlerS3Target,
    GlueCrawlerSchemaChangePolicy,
)
from cdktf_cdktf_provider_aws.glue_job import GlueJob, GlueJobCommand, GlueJobExecutionProperty
from cdktf_cdktf_provider_aws.glue_trigger import GlueTrigger, GlueTriggerActions
from cdktf_cdktf_provider_aws.s3_object import S3Object
from constructs import Construct

from contracts.lake import locations
from contracts.lake.runs import NAMESPACE
from contracts.names import BUILD_SERIES, COMPACT, TELEMETRY_TO_PARQUET, Names
from contracts.settings.schema import Glue, Quality
from infra.modules.core.packaging import Package
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement, use_of_data_key
from infra.modules.core.wheels import SUFFIX

_LIBRARY = "glue/lakecast.zip"


@dataclass(frozen=True)
class GlueJobsInputs:
    """The jobs' names, workers and code.

    Parameters
    ----------
    quality
        Limits on invalid messages above which a run fails.
    scripts
        The script of each of `contracts.names.GLUE_JOBS`.
    library
        Zip with the packages that the scripts import.
    modules
        Zip of the wheels that Glue installs (`infra.modules.core.wheels`).
    """

    names: Names
    glue: Glue
    quality: Quality
    scripts: Mapping[str, Package]
    library: Package
    modules: Package


class GlueJobs(Construct):
    """The jobs that turn raw messages into tables and series."""

    def __init__(self, scope: Construct, id_: str, inputs: GlueJobsInputs) -> None:
        super().__init__(scope, id_)
        self._names = inputs.names
        self._glue = inputs.glue
        self._quality = inputs.quality
        self._library = self._upload("library", _LIBRARY, inputs.library)
        self._modules = self._upload("modules", f"glue/modules{SUFFIX}", inputs.modules)
        self._role = self._service_role()
        for job, package in inputs.scripts.items():
            made = self._job(job, self._upload(f"{job}_script", f"glue/{job}.py", package))
            if job == COMPACT and inputs.glue.compaction_schedule is not None:
                self._nightly(made, inputs.glue.compaction_schedule)
        self._crawler()

    def _upload(self, id_: str, key: str, package: Package) -> S3Object:
        return S3Object(  # the bucket encrypts the object with the data key
            self,
            id_,
            bucket=self._names.bucket("code"),
            key=key,
            source=package.source,
            source_hash=package.digest.hex(),  # under SSE-KMS, an ETag is not a hash of the content
        )

    def _service_role(self) -> ServiceRole:
        names = self._names
        channels = tuple(
            names.bucket_arn("models", f"{place.prefix}*")
            for place in (locations.CHANNELS, locations.SMOKE_MODELS)
        )
        curated = tuple(
            names.bucket_arn("curated", f"{place.prefix}*")
            for place in (
                locations.TELEMETRY,
                locations.QUARANTINE,
                locations.SERIES_HOURLY,
                locations.RUNS,
                locations.RECENT,
                locations.SMOKE_TABLES,
            )
        )
        catalogue = ("catalog", f"database/{names.database}", f"table/{names.database}/*")
        return ServiceRole(
            self,
            "role",
            RoleInputs(
                name=names.role("glue"),
                service="glue.amazonaws.com",
                description="Glue turns raw messages into tables and series",
                statements=(
                    Statement("ListBuckets",
                              ("s3:GetBucketLocation", "s3:ListBucket",
                               "s3:ListBucketMultipartUploads"),
                              tuple(map(names.bucket_arn, ("raw", "curated", "models", "code")))),
                    Statement("Read", ("s3:GetObject",),
                              (names.bucket_arn("raw", "*"), names.bucket_arn("code", "glue/*"))),
                    Statement("ReadAndWrite",
                              ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject",
                               "s3:ListMultipartUploadParts", "s3:PutObject"),
                              (*curated, *channels)),
                    Statement("UseCatalog",
                              ("glue:BatchCreatePartition", "glue:BatchGetPartition",
                               "glue:CreatePartition", "glue:CreateTable", "glue:GetDatabase",
                               "glue:GetPartition", "glue:GetPartitions", "glue:GetTable",
                               "glue:GetTables", "glue:UpdatePartition", "glue:UpdateTable"),
                              tuple(names.arn("glue", one) for one in catalogue)),
                    Statement("ReadSecurityConfiguration", ("glue:GetSecurityConfiguration",),
                              ("*",)),  # the action supports no narrower resource
                    Statement("WriteLogs",
                              ("logs:AssociateKmsKey", "logs:CreateLogGroup",
                               "logs:CreateLogStream", "logs:PutLogEvents"),
                              # Glue appends the security configuration's name to the prefix
                              (names.log_group_arn(f"{names.jobs_log_prefix}*"),
                               names.log_group_arn("/aws-glue/crawlers*"))),
                    Statement("PublishMetrics", ("cloudwatch:PutMetricData",),
                              ("*",),  # metrics have no ARN: the condition names the namespaces
                              conditions={"StringEquals": {
                                  "cloudwatch:namespace": ["Glue", NAMESPACE]}}),
                    use_of_data_key(names, "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"),
                ),
            ),
        )  # fmt: skip

    def _job(self, job: str, script: S3Object) -> GlueJob:
        names, glue = self._names, self._glue
        code = names.bucket("code")
        return GlueJob(
            self,
            job,
            name=names.job(job),
            description=_DESCRIPTIONS[job],
            role_arn=self._role.arn,
            glue_version=glue.version,
            worker_type=glue.worker_type,
            number_of_workers=glue.workers,
            timeout=glue.timeout_minutes,
            max_retries=0,  # the caller decides whether to retry: each run costs again
            security_configuration=names.security_configuration,
            execution_property=GlueJobExecutionProperty(
                max_concurrent_runs=glue.concurrent_runs if job in _CONCURRENT else 1
            ),
            command=GlueJobCommand(
                name="glueetl", python_version="3", script_location=f"s3://{code}/{script.key}"
            ),
            default_arguments={
                "--job-language": "python",
                "--extra-py-files": f"s3://{code}/{self._library.key}",
                "--additional-python-modules": f"s3://{code}/{self._modules.key}",
                "--python-modules-installer-option": "--no-index",
                "--enable-metrics": "true",
                "--enable-observability-metrics": "true",
                "--enable-continuous-cloudwatch-log": "true",
                "--custom-logGroup-prefix": names.jobs_log_prefix,
                "--environment": names.environment,
                "--metrics_namespace": NAMESPACE,
                "--max_quarantined_share": str(self._quality.max_quarantined_share),
                "--least_messages": str(self._quality.least_messages),
                **{
                    f"--{name}": place.uri(names)
                    for name, place in locations.JOB_LOCATIONS[job].items()
                },
                **self._options(job),
            },
        )

    def _options(self, job: str) -> dict[str, str]:
        """Returns the settings that only one job has as arguments."""
        if job == TELEMETRY_TO_PARQUET:
            return {"--max_reading_age_days": str(self._quality.max_reading_age_days)}
        if job == BUILD_SERIES:
            return {
                "--channel_format": self._glue.channel_format,
                "--max_history_days": str(self._glue.max_history_days),
            }
        return {}

    def _nightly(self, compact: GlueJob, schedule: str) -> None:
        GlueTrigger(
            self,
            "nightly",
            name=self._names.compaction_trigger,
            description="Compacts the files of closed days",
            type="SCHEDULED",
            schedule=schedule,
            actions=[
                GlueTriggerActions(
                    job_name=compact.name, security_configuration=self._names.security_configuration
                )
            ],
        )

    def _crawler(self) -> None:
        names = self._names
        GlueCrawler(
            self,
            "crawler",
            name=names.crawler,
            description="Finds the schema of raw messages",
            role=self._role.arn,
            database_name=names.database,
            table_prefix="raw_",
            schedule=self._glue.crawler_schedule,
            security_configuration=names.security_configuration,
            s3_target=[GlueCrawlerS3Target(path=locations.RAW_TELEMETRY.uri(names))],
            # After the first crawl, only the folders of new hours are read, never those that have
            # moved to Glacier. Glue then requires that changes are logged only:
            # https://docs.aws.amazon.com/glue/latest/dg/incremental-crawls.html
            recrawl_policy=GlueCrawlerRecrawlPolicy(recrawl_behavior="CRAWL_NEW_FOLDERS_ONLY"),
            schema_change_policy=GlueCrawlerSchemaChangePolicy(
                delete_behavior="LOG", update_behavior="LOG"
            ),
        )


_CONCURRENT = (TELEMETRY_TO_PARQUET,)
"""Jobs with concurrent runs, each on its own window."""

_DESCRIPTIONS = {
    TELEMETRY_TO_PARQUET: "Turns raw messages into deduplicated readings; quarantines invalid ones",
    BUILD_SERIES: "Turns readings into regular hourly series and DeepAR's channels",
    COMPACT: "Merges the small files of closed days and removes files that are no longer used",
}
