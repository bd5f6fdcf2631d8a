"""Alarms on metrics, and the alarms on the Glue jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cdktf_cdktf_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm
from constructs import Construct

from contracts.lake.runs import NAMESPACE, QUARANTINED_SHARE_METRIC, RUNS_METRIC
from contracts.names import TELEMETRY_TO_PARQUET, Names
from contracts.settings.schema import Quality

MINUTE = 60
HOUR = 3600


@dataclass(frozen=True)
class AlarmInputs:
    """Definition of one alarm on one metric.

    Parameters
    ----------
    description
        What has happened, and the runbook.
    comparison
        CloudWatch's operator, such as ``GreaterThanThreshold``.
    statistic
        CloudWatch's statistic, such as ``Sum``, or a percentile, such as ``p99``.
    period_seconds, periods
        Length of a period, and number of most recent periods that are evaluated.
    breaching
        Number of them that must breach the threshold; None for all.
    missing
        Treatment of a period without a value: ``breaching``, ``notBreaching``, ``ignore`` or
        ``missing``.
    targets
        ARNs that are notified when the alarm is raised and when it returns to OK.
    """

    name: str
    description: str
    namespace: str
    metric: str
    statistic: str
    comparison: str
    threshold: float
    period_seconds: int
    missing: str
    targets: Sequence[str]
    dimensions: Mapping[str, str] = field(default_factory=dict)
    periods: int = 1
    breaching: int | None = None

    @property
    def is_percentile(self) -> bool:
        return self.statistic.startswith("p")


class Alarm(Construct):
    """A CloudWatch alarm with its notifications."""

    def __init__(self, scope: Construct, id_: str, inputs: AlarmInputs) -> None:
        super().__init__(scope, id_)
        CloudwatchMetricAlarm(
            self,
            "this",
            alarm_name=inputs.name,
            alarm_description=inputs.description,
            namespace=inputs.namespace,
            metric_name=inputs.metric,
            dimensions=dict(inputs.dimensions),
            statistic=None if inputs.is_percentile else inputs.statistic,
            extended_statistic=inputs.statistic if inputs.is_percentile else None,
            comparison_operator=inputs.comparison,
            threshold=inputs.threshold,
            period=inputs.period_seconds,
            evaluation_periods=inputs.periods,
            datapoints_to_alarm=inputs.breaching,
            treat_missing_data=inputs.missing,
            alarm_actions=list(inputs.targets),
            ok_actions=list(inputs.targets),
        )


@dataclass(frozen=True)
class JobAlarmsInputs:
    """Limits of the jobs' alarms, and the ARNs that are notified."""

    names: Names
    quality: Quality
    targets: Sequence[str]


class JobAlarms(Construct):
    """Alarms on the quarantined share and on the time without a successful run."""

    def __init__(self, scope: Construct, id_: str, inputs: JobAlarmsInputs) -> None:
        super().__init__(scope, id_)
        names, quality = inputs.names, inputs.quality
        dimensions = {"environment": names.environment, "job": TELEMETRY_TO_PARQUET}
        Alarm(
            self,
            "quarantine",
            AlarmInputs(
                name=names.part("quarantined-share"),
                description=(
                    f"More than {quality.max_quarantined_share:.0%} of a run's messages are in "
                    "quarantine; docs/runbooks/quarantine.md"
                ),
                namespace=NAMESPACE,
                metric=QUARANTINED_SHARE_METRIC,
                dimensions=dimensions,
                statistic="Maximum",
                comparison="GreaterThanThreshold",
                threshold=quality.max_quarantined_share,
                period_seconds=5 * MINUTE,
                missing="ignore",  # without a run, the alarm keeps its state
                targets=inputs.targets,
            ),
        )
        if quality.alarm_without_run_hours == 0:
            return
        Alarm(
            self,
            "no_run",
            AlarmInputs(
                name=names.part("no-run"),
                description=(
                    f"{TELEMETRY_TO_PARQUET} has not succeeded for "
                    f"{quality.alarm_without_run_hours} hours; docs/runbooks/a-verb-fails.md"
                ),
                namespace=NAMESPACE,
                metric=RUNS_METRIC,
                dimensions=dimensions,
                statistic="Sum",
                comparison="LessThanThreshold",
                threshold=1,
                period_seconds=HOUR,
                periods=quality.alarm_without_run_hours,
                missing="breaching",
                targets=inputs.targets,
            ),
        )
