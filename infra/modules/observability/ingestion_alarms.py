"""Ingestion alarms: no readings, delayed delivery, and failures of the topic rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from constructs import Construct

from contracts.names import Names
from contracts.settings.schema import Alarms
from infra.modules.observability.alarms import Alarm, AlarmInputs

_RUNBOOK = "docs/runbooks/ingestion-alarms.md"
_FIVE_MINUTES = 300


@dataclass(frozen=True)
class IngestionAlarmsInputs:
    """Limits of the alarms, and the ARNs that are notified."""

    names: Names
    alarms: Alarms
    targets: Sequence[str]


class IngestionAlarms(Construct):
    """Alarms on failures that would otherwise be noticed only when forecasts are wrong."""

    def __init__(self, scope: Construct, id_: str, inputs: IngestionAlarmsInputs) -> None:
        super().__init__(scope, id_)
        names, alarms = inputs.names, inputs.alarms
        stream = {"DeliveryStreamName": names.delivery_stream}
        Alarm(
            self,
            "data_age",
            AlarmInputs(
                name=names.part("delivery-data-age"),
                description=(
                    f"Firehose holds readings older than {alarms.max_data_age_seconds} s: it can't "
                    f"deliver them to the raw bucket; {_RUNBOOK}"
                ),
                namespace="AWS/Firehose",
                metric="DeliveryToS3.DataFreshness",
                dimensions=stream,
                statistic="Maximum",
                comparison="GreaterThanThreshold",
                threshold=alarms.max_data_age_seconds,
                period_seconds=_FIVE_MINUTES,
                missing="notBreaching",  # no data is waiting
                targets=inputs.targets,
            ),
        )
        for kind, metric, action, allowed, summary in (
            (
                "rule_failures",
                "Failure",
                "Firehose",
                alarms.max_rule_failures,
                "The topic rule can't deliver readings; they are in raw/errors/rule",
            ),
            (
                "lost_errors",
                "ErrorActionFailure",
                "S3",
                0,
                "The topic rule can't store undeliverable readings: READINGS ARE LOST",
            ),
        ):
            Alarm(
                self,
                kind,
                AlarmInputs(
                    name=names.part(kind.replace("_", "-")),
                    description=f"{summary}; {_RUNBOOK}",
                    namespace="AWS/IoT",
                    metric=metric,
                    dimensions={"RuleName": names.topic_rule, "ActionType": action},
                    statistic="Sum",
                    comparison="GreaterThanThreshold",
                    threshold=allowed,
                    period_seconds=_FIVE_MINUTES,
                    missing="notBreaching",  # a rule without failures emits no metric
                    targets=inputs.targets,
                ),
            )
        if alarms.silent_minutes == 0:
            return
        Alarm(
            self,
            "silence",
            AlarmInputs(
                name=names.part("no-readings"),
                description=(
                    f"No device has sent a reading for {alarms.silent_minutes} minutes; {_RUNBOOK}"
                ),
                namespace="AWS/Firehose",
                metric="IncomingRecords",
                dimensions=stream,
                statistic="Sum",
                comparison="LessThanThreshold",
                threshold=1,
                period_seconds=60 * alarms.silent_minutes,
                missing="breaching",
                targets=inputs.targets,
            ),
        )
