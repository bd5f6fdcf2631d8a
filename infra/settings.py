"""Settings of an environment: one TOML file each, read once, refused where they make no sense.

What differs between environments stands in ``environments/<name>.toml``; region, credentials and
the address of AWS come from the process's environment, as every AWS client reads them.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.errors import LakecastError
from contracts.models.algorithms import ALGORITHMS
from contracts.models.forecast_input import CHANNEL_FORMATS
from contracts.names import ENVIRONMENTS
from contracts.toml_table import TableError, read

FOLDER = Path(__file__).parent / "environments"

_LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)
"""What CloudWatch Logs accepts, up to ten years."""

_GLUE_VERSIONS = ("5.1", "6.0")
_APPROVALS = ("Approved", "PendingManualApproval")
_WORKER_TYPES = ("G.025X", "G.1X", "G.2X", "G.4X", "G.8X")


class SettingsError(LakecastError):
    """A settings file does not say what an environment needs to know."""


@dataclass(frozen=True)
class Environment:
    """What the environment is called and where it lives.

    Parameters
    ----------
    region
        The only region it may be applied to; None takes whichever the process's environment names.
    """

    name: str
    region: str | None = None


@dataclass(frozen=True)
class Tags:
    """Tags that every resource carries, beside project and environment."""

    owner: str
    cost_centre: str
    data_class: str

    def of(self, environment: str) -> dict[str, str]:
        return {
            "project": "lakecast",
            "environment": environment,
            "owner": self.owner,
            "cost-centre": self.cost_centre,
            "data-class": self.data_class,
        }


@dataclass(frozen=True)
class Provider:
    """How Terraform's AWS provider talks to AWS.

    Parameters
    ----------
    max_retries
        Times a failing call is tried again.
    s3_use_path_style
        Name buckets in the path and not in the host name, for S3 behind a bare address.
    """

    max_retries: int
    s3_use_path_style: bool = False


@dataclass(frozen=True)
class State:
    """Where Terraform keeps its state: ``local``, a file under .lakecast, or ``s3``."""

    backend: str


@dataclass(frozen=True)
class Retention:
    """How long what is kept.

    Parameters
    ----------
    log_days
        CloudWatch log groups.
    interaction_days
        Forecasts that were asked for, in DynamoDB.
    raw_cold_after_days
        Raw messages move to Glacier Instant Retrieval; they are kept for ever.
    noncurrent_days
        Overwritten and deleted versions of objects.
    access_log_days
        Access logs of buckets, and results of queries.
    """

    log_days: int
    interaction_days: int
    raw_cold_after_days: int
    noncurrent_days: int
    access_log_days: int


@dataclass(frozen=True)
class Protection:
    """What keeps data from being removed by mistake.

    Parameters
    ----------
    prevent_destroy
        Terraform refuses any plan that would destroy buckets, tables or the key.
    force_destroy
        Buckets may be destroyed with what is in them.
    key_deletion_days
        Days in which the deletion of the key can be taken back, 7 to 30.
    """

    prevent_destroy: bool
    force_destroy: bool
    key_deletion_days: int


@dataclass(frozen=True)
class Storage:
    """Buckets.

    Parameters
    ----------
    lifecycle
        Whether objects age as `Retention` says.
    """

    lifecycle: bool


@dataclass(frozen=True)
class Delivery:
    """Firehose's buffer hints: an object is written when either is reached."""

    buffer_mb: int
    buffer_seconds: int


@dataclass(frozen=True)
class Provisioning:
    """New devices.

    Parameters
    ----------
    claims
        Whether devices with a claim certificate are provisioned at all.
    """

    claims: bool


@dataclass(frozen=True)
class Glue:
    """Workers of the Glue jobs, and when crawler and compaction run (None: when started).

    Parameters
    ----------
    version
        AWS Glue's, and so Spark's and Python's; the tests run under each.
    concurrent_runs
        Arrival windows that may be worked off at a time, each by as many workers.
    channel_format
        Of DeepAR's channels, one of `contracts.models.forecast_input.CHANNEL_FORMATS`.
    """

    version: str
    worker_type: str
    workers: int
    timeout_minutes: int
    concurrent_runs: int
    crawler_schedule: str | None = None
    compaction_schedule: str | None = None
    channel_format: str = "parquet"


@dataclass(frozen=True)
class Quality:
    """When the data is too bad, or none comes.

    Parameters
    ----------
    max_quarantined_share
        Share of a run's messages, 0 to 1, above which the run is failed and an alarm raised.
    least_messages
        Messages that a run must have read for it to be failed so.
    alarm_without_run_hours
        Hours without a run that succeeded after which an alarm is raised, 1 to 24; 0 for none.
    """

    max_quarantined_share: float
    least_messages: int
    alarm_without_run_hours: int


@dataclass(frozen=True)
class Athena:
    """Bytes after which a query is cut off, for what it may cost."""

    bytes_cutoff: int


@dataclass(frozen=True)
class Training:
    """What a training job runs on and with.

    Parameters
    ----------
    algorithm
        What is trained where nothing else is asked for, one of `contracts.models.algorithms`.
    hyperparameters
        Hyperparameters by algorithm, out of the tables ``[training.<algorithm>]``: strings, as
        SageMaker wants them.
    """

    algorithm: str
    instance_type: str
    max_runtime_seconds: int
    hyperparameters: dict[str, dict[str, str]]


@dataclass(frozen=True)
class Retraining:
    """When a new version of the model is made, on what it is judged, and what approves it.

    Parameters
    ----------
    origins
        Days, the newest ones, from whose midnight (UTC) candidate, champion and baselines
        forecast. The candidate is trained on what lies before the first one.
    approval
        ``Approved`` deploys what the gate lets pass, ``PendingManualApproval`` asks a person.
    most_loss_over_champion
        Share by which the candidate's loss may exceed the champion's, where that is no chance.
    least_coverage_80, most_coverage_80
        Between which shares of what came must lie in the band that is to hold 80 %.
    arrival_days
        Days of arrivals, up to now, that are made readings of first: more than lie between two
        starts.
    instance_type
        What evaluation and batch transforms run on.
    schedule
        When it starts by itself; None: when started by hand or by an alarm.
    """

    origins: int
    approval: str
    most_loss_over_champion: float
    least_coverage_80: float
    most_coverage_80: float
    arrival_days: int
    instance_type: str
    schedule: str | None = None


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of all series, and the look for drift.

    Parameters
    ----------
    processing_instance_type, transform_instance_type
        What prepares and publishes them runs on, and what the model runs on.
    drift_days, drift_of_days
        An alarm is raised where so many of the last so many days were beyond a limit.
    schedule
        When they are made; None: when started by hand.
    """

    processing_instance_type: str
    transform_instance_type: str
    drift_days: int
    drift_of_days: int
    schedule: str | None = None


@dataclass(frozen=True)
class Experiments:
    """Where parameters and metrics of training jobs are kept.

    Parameters
    ----------
    tracking_server
        Whether SageMaker's managed MLflow keeps them. It costs by the hour, used or not; without
        it they are kept on the machine of whoever asks for them.
    """

    tracking_server: bool


@dataclass(frozen=True)
class Endpoint:
    """What an endpoint's production variants run on.

    Parameters
    ----------
    poll_seconds
        Between two looks at the endpoint while a rollout waits for it.
    """

    instance_type: str
    initial_instance_count: int
    poll_seconds: int


@dataclass(frozen=True)
class Api:
    """The REST API and the function behind it.

    Parameters
    ----------
    requests_per_second, burst
        Throttle of the stage and of a key.
    requests_per_day
        Quota of a key.
    reserved_concurrency
        Simultaneous runs kept for the function; -1 shares the account's.
    tracing
        Whether X-Ray traces requests.
    account_logging
        Whether this environment sets the role with which API Gateway writes logs. There is one in
        an account and region; False where somebody else sets it.
    """

    requests_per_second: int
    burst: int
    requests_per_day: int
    reserved_concurrency: int
    tracing: bool
    account_logging: bool


@dataclass(frozen=True)
class Alarms:
    """When alarms of the way in are raised, and who is told of all alarms.

    Parameters
    ----------
    targets
        ARNs beside the environment's own topic.
    max_data_age_seconds
        Longest that a reading may wait in Firehose.
    max_rule_failures
        Messages in five minutes that the topic rule may fail to put into Firehose.
    silent_minutes
        Minutes without any reading; 0 is never.
    """

    targets: list[str]
    max_data_age_seconds: int
    max_rule_failures: int
    silent_minutes: int


@dataclass(frozen=True)
class Budget:
    """What the environment may cost a month, in US dollars; 0 for no budget."""

    monthly_usd: int


@dataclass(frozen=True)
class Settings:
    """All settings of one environment."""

    environment: Environment
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
    training: Training
    retraining: Retraining
    experiments: Experiments
    forecasts: Forecasts
    endpoint: Endpoint
    api: Api
    alarms: Alarms
    budget: Budget

    @classmethod
    def load(cls, environment: str, folder: Path = FOLDER) -> Settings:
        """Read ``<folder>/<environment>.toml``.

        Raises
        ------
        SettingsError
            No such environment, or the file is not TOML or lacks or misspells something.
        """
        if environment not in ENVIRONMENTS:
            raise SettingsError(f"ENV must be one of {', '.join(ENVIRONMENTS)}; got {environment}")
        path = folder / f"{environment}.toml"
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(f"{path} is missing: every environment needs its file") from None
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path} is not TOML: {error}") from None
        try:
            settings: Settings = read(cls, _with_hyperparameters(document))
            _check(settings, environment)
        except (SettingsError, TableError) as error:
            raise SettingsError(f"{path}: {error}") from None
        return settings


def _with_hyperparameters(document: dict[str, Any]) -> dict[str, Any]:
    """The tables ``[training.<algorithm>]`` under one name: there is one for each algorithm.

    Raises
    ------
    TableError
        One is missing, or has a hyperparameter that the algorithm lacks.
    """
    training = document.get("training")
    if not isinstance(training, dict):
        return document
    found = {}
    for name, algorithm in ALGORITHMS.items():
        if name not in training:
            raise TableError(f"training.{name} is missing")
        values = training[name]
        if not isinstance(values, dict):
            raise TableError(f"training.{name} must be a table; got {values!r}")
        for hyperparameter, value in values.items():
            if not isinstance(value, str):
                raise TableError(f"training.{name} must hold strings; got {value!r}")
            if hyperparameter not in algorithm.hyperparameters:
                raise TableError(
                    f"training.{name}.{hyperparameter} is no hyperparameter of {name}; "
                    f"known: {', '.join(algorithm.hyperparameters)}"
                )
        found[name] = values
    rest = {key: value for key, value in training.items() if key not in ALGORITHMS}
    return {**document, "training": {**rest, "hyperparameters": found}}


def _check(settings: Settings, environment: str) -> None:
    """Refuse what AWS would refuse later, and what contradicts itself."""
    protection, delivery, glue = settings.protection, settings.delivery, settings.glue
    quality, retraining = settings.quality, settings.retraining
    forecasts = settings.forecasts
    days = dataclasses.asdict(settings.retention)
    rules: list[tuple[bool, str, object, str]] = [
        (settings.environment.name == environment, "environment.name", settings.environment.name,
         f"{environment!r}, as its file is called"),
        (settings.state.backend in ("local", "s3"), "state.backend", settings.state.backend,
         "'local' or 's3'"),
        *((value > 0, f"retention.{name}", value, "at least 1") for name, value in days.items()),
        (settings.retention.log_days in _LOG_RETENTION_DAYS, "retention.log_days",
         settings.retention.log_days, f"one of {', '.join(map(str, _LOG_RETENTION_DAYS))}"),
        (7 <= protection.key_deletion_days <= 30, "protection.key_deletion_days",
         protection.key_deletion_days, "7 to 30"),
        (not (protection.prevent_destroy and protection.force_destroy),
         "protection.force_destroy", protection.force_destroy,
         "false where prevent_destroy is true"),
        (1 <= delivery.buffer_mb <= 128, "delivery.buffer_mb", delivery.buffer_mb, "1 to 128"),
        (0 <= delivery.buffer_seconds <= 900, "delivery.buffer_seconds", delivery.buffer_seconds,
         "0 to 900"),
        (settings.alarms.max_data_age_seconds > delivery.buffer_seconds,
         "alarms.max_data_age_seconds", settings.alarms.max_data_age_seconds,
         f"more than {delivery.buffer_seconds}, for which Firehose waits anyway"),
        (settings.alarms.max_rule_failures >= 0, "alarms.max_rule_failures",
         settings.alarms.max_rule_failures, "0 or more"),
        (0 <= settings.alarms.silent_minutes <= 1440, "alarms.silent_minutes",
         settings.alarms.silent_minutes, "0 to 1440, a day"),
        (glue.version in _GLUE_VERSIONS, "glue.version", glue.version,
         f"one of {', '.join(_GLUE_VERSIONS)}"),
        (glue.worker_type in _WORKER_TYPES, "glue.worker_type", glue.worker_type,
         f"one of {', '.join(_WORKER_TYPES)}"),
        (glue.workers >= 2, "glue.workers", glue.workers, "at least 2, one of which drives"),
        (glue.channel_format in CHANNEL_FORMATS, "glue.channel_format", glue.channel_format,
         f"one of {', '.join(CHANNEL_FORMATS)}"),
        (glue.concurrent_runs >= 1, "glue.concurrent_runs", glue.concurrent_runs, "at least 1"),
        (0 <= quality.max_quarantined_share <= 1, "quality.max_quarantined_share",
         quality.max_quarantined_share, "0 to 1"),
        (quality.least_messages >= 0, "quality.least_messages", quality.least_messages,
         "0 or more"),
        (0 <= quality.alarm_without_run_hours <= 24, "quality.alarm_without_run_hours",
         quality.alarm_without_run_hours, "0 to 24, CloudWatch's longest period"),
        (settings.athena.bytes_cutoff >= 10_000_000, "athena.bytes_cutoff",
         settings.athena.bytes_cutoff, "at least 10000000, Athena's smallest"),
        (settings.provider.max_retries >= 0, "provider.max_retries",
         settings.provider.max_retries, "0 or more"),
        (settings.training.algorithm in ALGORITHMS, "training.algorithm",
         settings.training.algorithm, f"one of {', '.join(ALGORITHMS)}"),
        (5 <= retraining.origins <= 60, "retraining.origins", retraining.origins,
         "5 to 60: fewer prove nothing against a champion"),
        (retraining.arrival_days >= 1, "retraining.arrival_days", retraining.arrival_days,
         "at least 1"),
        (retraining.approval in _APPROVALS, "retraining.approval", retraining.approval,
         f"one of {', '.join(_APPROVALS)}"),
        (0 <= retraining.most_loss_over_champion < 1, "retraining.most_loss_over_champion",
         retraining.most_loss_over_champion, "0 or more and below 1"),
        (0 <= retraining.least_coverage_80 < 0.8, "retraining.least_coverage_80",
         retraining.least_coverage_80, "0 or more and below 0.8"),
        (0.8 < retraining.most_coverage_80 <= 1, "retraining.most_coverage_80",
         retraining.most_coverage_80, "above 0.8 and at most 1"),
        (1 <= forecasts.drift_of_days <= 7, "forecasts.drift_of_days", forecasts.drift_of_days,
         "1 to 7, the days that an alarm looks back"),
        (1 <= forecasts.drift_days <= forecasts.drift_of_days, "forecasts.drift_days",
         forecasts.drift_days, f"1 to drift_of_days, {forecasts.drift_of_days}"),
        (settings.endpoint.initial_instance_count >= 1, "endpoint.initial_instance_count",
         settings.endpoint.initial_instance_count, "at least 1"),
        (1 <= settings.endpoint.poll_seconds <= 300, "endpoint.poll_seconds",
         settings.endpoint.poll_seconds, "1 to 300"),
        (settings.api.reserved_concurrency == -1 or settings.api.reserved_concurrency > 0,
         "api.reserved_concurrency", settings.api.reserved_concurrency, "-1 or at least 1"),
    ]  # fmt: skip
    for holds, where, got, expected in rules:
        if not holds:
            raise SettingsError(f"{where} must be {expected}; got {got!r}")
