"""Names of all resources in one environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from contracts.names.arns import arn
from contracts.names.log_groups import LogGroups, WorkloadLogGroups, endpoint_log_group
from contracts.names.workloads import FORECAST, WORKLOADS, Workload

ENVIRONMENTS = ("local", "dev", "staging", "prod")
BUCKET_PURPOSES = ("raw", "curated", "models", "code", "logs", "terraform-state")

TELEMETRY_TO_PARQUET = "telemetry_to_parquet"
BUILD_SERIES = "build_series"
COMPACT = "compact"
GLUE_JOBS = (TELEMETRY_TO_PARQUET, BUILD_SERIES, COMPACT)

MODEL_ROLE = "sagemaker"
"""Role of training and processing jobs, and of models."""

ROLES = (
    MODEL_ROLE,
    "api-logging",
    "confirmation-rule",
    "firehose",
    "glue",
    "iot-logging",
    "nightly-jobs",
    "provisioning",
    "topic-rule",
)
"""Service roles; the role of a function, a state machine or a server has its name."""


def topic_rule(environment: str) -> str:
    """Names the IoT rule that sends readings to the lake; devices know only their environment."""
    return f"lakecast_{environment}_telemetry"


@dataclass(frozen=True)
class Names:
    """Names in one environment, one account and one region, and of one workload's resources.

    Parameters
    ----------
    environment
        One of `ENVIRONMENTS`.
    account_id
        AWS account, 12 digits. It is part of bucket names, which are unique across all of AWS.
    region
        For example ``eu-west-1``.
    workload
        Workload that machines, model versions, endpoint and API belong to; see `of`.
    """

    environment: str
    account_id: str
    region: str
    workload: Workload = FORECAST

    def __post_init__(self) -> None:
        if self.environment not in ENVIRONMENTS:
            raise ValueError(
                f"environment must be one of {', '.join(ENVIRONMENTS)}; got {self.environment!r}"
            )

    @classmethod
    def from_aws(cls, session: Any, environment: str | None = None) -> Names:
        """Reads the account from STS; the environment defaults to ``LAKECAST_ENV``, then ``local``.

        ``session`` is a ``boto3.Session``; boto3 is not imported here, so this module has no
        dependencies and can be packaged for Glue and Lambda unchanged.
        """
        identity = session.client("sts").get_caller_identity()
        return cls(
            environment=environment or os.environ.get("LAKECAST_ENV", "local"),
            account_id=identity["Account"],
            region=session.region_name,
        )

    def of(self, workload: Workload) -> Names:
        """Returns the names in the same environment with the resources of a workload."""
        return replace(self, workload=workload)

    def part(self, part: str) -> str:
        """Returns ``lakecast-<environment>-<part>``, the form of all names that allow hyphens."""
        return f"lakecast-{self.environment}-{part}"

    @property
    def prefix(self) -> str:
        """Start of every `part`."""
        return self.part("")

    def _identifier(self, part: str = "") -> str:
        """Returns the same with underscores, for names without hyphens (IoT rules, SQL)."""
        return "_".join(p for p in ("lakecast", self.environment, part) if p)

    def bucket(self, purpose: str) -> str:
        """Returns the bucket of one of `BUCKET_PURPOSES`."""
        if purpose not in BUCKET_PURPOSES:
            raise ValueError(f"bucket must be one of {', '.join(BUCKET_PURPOSES)}; got {purpose!r}")
        return f"{self.part(purpose)}-{self.account_id}"

    def role(self, part: str) -> str:
        """Returns the service role for one of `ROLES`."""
        if part not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}; got {part!r}")
        return self.part(part)

    # ARNs
    def arn(self, service: str, resource: str) -> str:
        """Returns the ARN of a resource in this account and region, or a pattern of ARNs.

        Parameters
        ----------
        service
            Service, for example ``iot``.
        resource
            Resource, for example ``thing/station-1``; ``*`` matches any text.
        """
        return arn(service, resource, region=self.region, account_id=self.account_id)

    def role_arn(self, part: str) -> str:
        """Returns the ARN of one of `ROLES`."""
        return self.arn("iam", f"role/{self.role(part)}")

    def bucket_arn(self, purpose: str, keys: str = "") -> str:
        """Returns the ARN of a bucket, or of its objects with a key or pattern ``keys``."""
        return self.arn("s3", "/".join(one for one in (self.bucket(purpose), keys) if one))

    def table_arn(self, table: str) -> str:
        """Returns the ARN of a DynamoDB table."""
        return self.arn("dynamodb", f"table/{table}")

    def log_group_arn(self, group: str) -> str:
        """Returns the ARN of a log group; append ``:*`` for its streams."""
        return self.arn("logs", f"log-group:{group}")

    def state_machine_arn(self, machine: str) -> str:
        """Returns the ARN of a state machine."""
        return self.arn("states", f"stateMachine:{machine}")

    @property
    def alarm_topic_arn(self) -> str:
        return self.arn("sns", self.alarm_topic)

    # data
    @property
    def key_alias(self) -> str:
        return f"alias/{self.part('data')}"

    @property
    def database(self) -> str:
        """Glue database, and schema in Athena."""
        return self._identifier()

    @property
    def interactions_table(self) -> str:
        """DynamoDB table of requested forecasts and their results."""
        return self.part("interactions")

    @property
    def allow_list_table(self) -> str:
        """DynamoDB table of serial numbers that may claim a certificate."""
        return self.part("allow-list")

    @property
    def locks_table(self) -> str:
        """DynamoDB table of locks, each held by one execution at a time."""
        return self.part("locks")

    @property
    def releases_table(self) -> str:
        """DynamoDB table of the releases that endpoints should serve, one item per workload."""
        return self.part("releases")

    @property
    def alarm_topic(self) -> str:
        """SNS topic that receives every alarm."""
        return self.part("alarms")

    # pipeline
    @property
    def thing_type(self) -> str:
        return self.part("sensor")

    @property
    def device_policy(self) -> str:
        """IoT policy attached to every device's certificate."""
        return self.part("device")

    @property
    def renewal_policy(self) -> str:
        """IoT policy, also attached to every device's certificate, to request the next one."""
        return self.part("renewal")

    @property
    def claim_policy(self) -> str:
        """IoT policy attached to claim certificates."""
        return self.part("claim")

    @property
    def claim_template(self) -> str:
        """Provisioning template that registers a device by its serial number."""
        return self.part("claim")

    @property
    def rotation_template(self) -> str:
        """Provisioning template that issues a device's next certificate."""
        return self.part("rotation")

    @property
    def provisioning_hook(self) -> str:
        """Function that decides whether a device may be provisioned."""
        return self.part("provisioning-hook")

    @property
    def certificate_confirmation(self) -> str:
        """Function that deactivates a device's former certificates."""
        return self.part("certificate-confirmation")

    @property
    def confirmation_rule(self) -> str:
        return self._identifier("confirmation")

    @property
    def topic_rule(self) -> str:
        return topic_rule(self.environment)

    @property
    def delivery_stream(self) -> str:
        return self.part("telemetry")

    @property
    def compaction_trigger(self) -> str:
        """Glue trigger that starts `COMPACT`."""
        return self.part("compact-nightly")

    @property
    def security_configuration(self) -> str:
        """Glue security configuration, which encrypts the output of jobs and crawler."""
        return self.part("glue")

    @property
    def crawler(self) -> str:
        return self.part("raw")

    @property
    def workgroup(self) -> str:
        """Athena workgroup."""
        return self.part("analytics")

    def job(self, script: str) -> str:
        """Returns the Glue job that runs one of `GLUE_JOBS`."""
        if script not in GLUE_JOBS:
            raise ValueError(f"job must be one of {', '.join(GLUE_JOBS)}; got {script!r}")
        return self.part(script.replace("_", "-"))

    @property
    def nightly_machine(self) -> str:
        """State machine that forecasts every series and checks for drift."""
        return self.part("nightly-forecasts")

    @property
    def smoke_prefix(self) -> str:
        """Start of the names of a smoke test's jobs, models and endpoints."""
        return self.part("smoke-")

    @property
    def machines(self) -> tuple[str, ...]:
        """All state machines of the environment."""
        workloads = [self.of(one) for one in WORKLOADS]
        return (
            self.nightly_machine,
            *(one.retrain_machine for one in workloads),
            *(one.rollout_machine for one in workloads),
        )

    @property
    def functions(self) -> tuple[str, ...]:
        """All Lambda functions of the environment."""
        apis = (self.of(one).api for one in WORKLOADS)
        return (*apis, self.provisioning_hook, self.certificate_confirmation)

    @property
    def event_queue(self) -> str:
        """SQS queue of events that EventBridge could not deliver."""
        return self.part("undelivered-events")

    def repository(self, container: str) -> str:
        """Returns the image repository of one of our own containers."""
        return self.part(container)

    @property
    def tracking_server(self) -> str:
        """SageMaker managed MLflow tracking server."""
        return self.part("experiments")

    # workload
    @property
    def model_package_group(self) -> str:
        """Group of the workload's model versions, with their metrics and approval status."""
        return self.part(self.workload.name)

    @property
    def experiment(self) -> str:
        """MLflow experiment of the workload's training and tuning jobs."""
        return self.part(self.workload.name)

    @property
    def retrain_machine(self) -> str:
        """State machine that trains and evaluates a new version of the model."""
        return self._machine("retrain")

    @property
    def retrain_jobs(self) -> str:
        """Prefix of the names of the retraining's jobs and models."""
        return self.part("retrain" if self.workload.is_first else self.workload.name)

    @property
    def rollout_machine(self) -> str:
        """State machine that owns the endpoint."""
        return self._machine("rollout")

    @property
    def endpoint(self) -> str:
        """SageMaker endpoint that serves the workload."""
        return self.part(self.workload.name)

    @property
    def api(self) -> str:
        """REST API; its function, its key and its usage plan have the same name."""
        return self.part(f"{self.workload.name}-api")

    def _machine(self, task: str) -> str:
        return self.part(task if self.workload.is_first else f"{self.workload.name}-{task}")

    # costs
    @property
    def budget(self) -> str:
        return self.part("monthly")

    # logs
    @property
    def jobs_log_prefix(self) -> str:
        """Prefix of the Glue jobs' log groups, as the jobs' argument gives it."""
        return f"/aws-glue/{self.part('jobs')}"

    @property
    def jobs_log_groups(self) -> str:
        """Start of the Glue jobs' log groups; Glue appends ``/output`` and ``/error``.

        Under a security configuration, Glue puts its name and the role's after the prefix.
        """
        configuration, role = self.security_configuration, self.role("glue")
        return f"{self.jobs_log_prefix}/{configuration}-role/{role}"

    def machine_log_group(self, machine: str) -> str:
        """Returns the log group of a state machine; its prefix keeps the resource policy short."""
        return f"/aws/vendedlogs/states/{machine}"

    @property
    def log_groups(self) -> LogGroups:
        """Log groups of the estate, apart from those of its workloads."""
        return LogGroups(
            delivery=f"/aws/kinesisfirehose/{self.delivery_stream}",
            jobs_output=f"{self.jobs_log_groups}/output",
            jobs_error=f"{self.jobs_log_groups}/error",
            provisioning_hook=f"/aws/lambda/{self.provisioning_hook}",
            certificate_confirmation=f"/aws/lambda/{self.certificate_confirmation}",
            nightly=self.machine_log_group(self.nightly_machine),
        )

    @property
    def workload_log_groups(self) -> WorkloadLogGroups:
        """Log groups of the workload."""
        return WorkloadLogGroups(
            function=f"/aws/lambda/{self.api}",
            api_access=f"/aws/apigateway/{self.api}",
            endpoint=endpoint_log_group(self.endpoint),
            retrain=self.machine_log_group(self.retrain_machine),
            rollout=self.machine_log_group(self.rollout_machine),
        )
