"""Schema of the settings: a class per table, with AWS's limits and the rules across settings.

`infra/environments/base.toml` explains the keys.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from contracts.models import algorithms
from contracts.models.forecast_input import CHANNEL_FORMATS
from contracts.names import FORECAST, Workload
from contracts.settings.rules import (
    Because,
    Real,
    Schedule,
    Table,
    missing,
    must,
    one_of,
    unexpected,
    unknown,
)

Days = Annotated[int, Field(ge=1)]
LogDays = Annotated[
    int, one_of(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)
]
"""Retention periods in days that CloudWatch Logs accepts, up to ten years."""


class Environment(Table):
    """Name of the environment, and its only region and account; None allows any."""

    name: str
    region: str | None = None
    account: Annotated[
        str | None, must("12 digits", lambda id_: id_ is None or re.fullmatch(r"[0-9]{12}", id_))
    ] = None

    @field_validator("name")
    @classmethod
    def _is_the_files(cls, name: str, info: ValidationInfo) -> str:
        expected = (info.context or {}).get("environment", name)
        if name != expected:
            raise unexpected(f"{expected!r}, as its file is called", name)
        return name


class Account(Table):
    """The AWS account that the environment is applied to, and whether this environment owns it.

    The owner sets what exists once per account and region: API Gateway's logging role, AWS IoT's
    logging, and the retention of log groups that AWS services share among all their users.
    """

    owner: bool
    iot_log_level: Literal["DEBUG", "INFO", "WARN", "ERROR", "DISABLED"]
    closed_services: list[str]


class Tags(Table):
    """Tags of every resource, in addition to project and environment."""

    owner: str
    cost_centre: str
    data_class: str

    def of(self, environment: str) -> dict[str, str]:
        """Returns all tags of a resource."""
        return {
            "project": "lakecast",
            "environment": environment,
            "owner": self.owner,
            "cost-centre": self.cost_centre,
            "data-class": self.data_class,
        }


class Provider(Table):
    """Terraform's AWS provider."""

    max_retries: int = Field(ge=0)
    s3_use_path_style: bool


class State(Table):
    """Location of Terraform's state: ``local`` (a file in .lakecast) or ``s3``."""

    backend: Literal["local", "s3"]


class Retention(Table):
    """Days after which data is deleted or moved to colder storage."""

    log_days: LogDays
    interaction_days: Days
    raw_cold_after_days: Days
    noncurrent_days: Days
    derived_noncurrent_days: Days
    access_log_days: Days


class Protection(Table):
    """Protection of data from accidental deletion."""

    prevent_destroy: bool
    force_destroy: bool
    key_deletion_days: int = Field(ge=7, le=30)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.prevent_destroy and self.force_destroy:
            raise unexpected("false where prevent_destroy is true", True, "force_destroy")
        return self


class Storage(Table):
    """Storage classes of objects in buckets, together with `Retention`."""

    lifecycle: bool


class Delivery(Table):
    """Firehose's buffering hints: an object is written when the first of them is reached."""

    buffer_mb: int = Field(ge=1, le=128)
    buffer_seconds: int = Field(ge=0, le=900)


class Provisioning(Table):
    """Admission of new devices with a claim certificate."""

    claims: bool


class Glue(Table):
    """Workers of the Glue jobs, and schedules of crawler and compaction."""

    version: Literal["5.1", "6.0"]
    worker_type: Literal["G.025X", "G.1X", "G.2X", "G.4X", "G.8X"]
    workers: Annotated[int, Field(ge=2), Because("one of them drives")]
    timeout_minutes: int
    concurrent_runs: int = Field(ge=1)
    crawler_schedule: Schedule
    compaction_schedule: Schedule
    channel_format: Annotated[str, one_of(*CHANNEL_FORMATS)]
    max_history_days: int = Field(ge=1)


class Quality(Table):
    """Limits on invalid readings in a run, and on the time without a run."""

    max_quarantined_share: Real = Field(ge=0, le=1)
    least_messages: int = Field(ge=0)
    max_reading_age_days: int = Field(ge=1)
    alarm_without_run_hours: Annotated[
        int, Field(ge=0, le=24), Because("CloudWatch's longest period")
    ]


class Athena(Table):
    """Scanned bytes after which a query is cancelled, to limit its cost."""

    bytes_cutoff: Annotated[int, Field(ge=10_000_000), Because("Athena's smallest")]


class Training(Table):
    """Training jobs: the default algorithm, the instance, and hyperparameters per algorithm."""

    algorithm: str
    instance_type: str
    max_runtime_seconds: int
    hyperparameters: dict[str, dict[str, str]]

    def check(self, workload: Workload) -> None:
        """Checks that the tables are those of the workload's algorithms."""
        known, place = algorithms.of_workload(workload), "hyperparameters"
        if self.algorithm not in known:
            raise unexpected(f"one of {', '.join(known)}", self.algorithm, "algorithm")
        for name in self.hyperparameters:
            if name not in known:
                raise unknown(place, name, known=known)
        for name, algorithm in known.items():
            if name not in self.hyperparameters:
                raise missing(place, name)
            for hyperparameter in self.hyperparameters[name]:
                if hyperparameter not in algorithm.hyperparameters:
                    raise unknown(place, name, hyperparameter, known=algorithm.hyperparameters)


class Retraining(Table):
    """Schedule of retraining, and how a new version is evaluated and approved."""

    origins: Annotated[int, Field(ge=5, le=60), Because("fewer prove nothing against a champion")]
    approval: Literal["Approved", "PendingManualApproval"]
    most_loss_over_champion: Real = Field(ge=0, lt=1)
    least_coverage_80: Real = Field(ge=0, lt=0.8)
    most_coverage_80: Real = Field(gt=0.8, le=1)
    arrival_days: int = Field(ge=1)
    instance_type: str
    schedule: Schedule


class Nightly(Table):
    """Nightly forecasts of all series, and drift detection."""

    processing_instance_type: str
    transform_instance_type: str
    drift_days: int = Field(ge=1)
    drift_of_days: Annotated[int, Field(ge=1, le=7), Because("the days that an alarm looks back")]
    schedule: Schedule

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.drift_days > self.drift_of_days:
            expected = f"1 to drift_of_days, {self.drift_of_days}"
            raise unexpected(expected, self.drift_days, "drift_days")
        return self


class Experiments(Table):
    """Whether SageMaker managed MLflow keeps experiments; it is billed per hour, used or not."""

    tracking_server: bool


class Endpoint(Table):
    """Instances of the endpoint's production variants, and the polling interval of a rollout."""

    instance_type: str
    initial_instance_count: int = Field(ge=1)
    poll_seconds: int = Field(ge=1, le=300)


class Api(Table):
    """Limits of a REST API and of the function behind it."""

    requests_per_second: int
    burst: int
    requests_per_day: int
    reserved_concurrency: Annotated[
        int, must("-1 or at least 1", lambda runs: runs == -1 or runs >= 1)
    ]


class WorkloadSettings(Table):
    """Settings that every workload has."""

    workload: ClassVar[Workload]

    training: Training
    retraining: Retraining
    endpoint: Endpoint
    api: Api

    @field_validator("training")
    @classmethod
    def _has_the_workloads_algorithms(cls, training: Training) -> Training:
        training.check(cls.workload)
        return training


class Forecast(WorkloadSettings):
    """Settings of the workload ``forecast``."""

    workload = FORECAST

    nightly: Nightly


class ApiGateway(Table):
    """Tracing of all REST APIs."""

    tracing: bool


class Alarms(Table):
    """Thresholds of the ingestion alarms, and further targets of all alarms besides the topic.

    Addresses of people are no setting: `infra.estate.subscribers` takes them from the environment.
    """

    targets: list[str]
    subscribers_required: bool
    max_data_age_seconds: int
    max_rule_failures: int = Field(ge=0)
    silent_minutes: Annotated[int, Field(ge=0, le=1440), Because("a day")]
    max_latency_ms: int = Field(ge=1)


class Budget(Table):
    """Monthly budget, in US dollars; 0 means none. Without ``by_tag`` it is the whole account's."""

    monthly_usd: int
    by_tag: bool


class Settings(Table):
    """All settings of one environment."""

    environment: Environment
    account: Account
    tags: Tags
    provider: Provider
    state: State
    retention: Retention
    protection: Protection
    storage: Storage
    delivery: Delivery
    provisioning: Provisioning
    glue: Glue
    quality: Quality
    athena: Athena
    forecast: Forecast
    experiments: Experiments
    api_gateway: ApiGateway
    alarms: Alarms
    budget: Budget

    def of(self, workload: Workload) -> WorkloadSettings:
        """Returns the table of a workload."""
        table: WorkloadSettings = getattr(self, workload.name)
        return table

    @model_validator(mode="after")
    def _alarms_allow_for_the_buffer(self) -> Self:
        buffered, limit = self.delivery.buffer_seconds, self.alarms.max_data_age_seconds
        if limit <= buffered:
            expected = f"more than {buffered}, for which Firehose waits anyway"
            raise unexpected(expected, limit, "alarms", "max_data_age_seconds")
        return self
