"""Alarms on the way in: readings that stay away, stay in Firehose, or fail in the rule."""

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
    """When to raise an alarm, and the ARNs that are told."""

    names: Names
    alarms: Alarms
    targets: Sequence[str]


class IngestionAlarms(Construct):
    """What nobody would notice before a forecast is wrong."""

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
                    f"Firehose holds readings older than {alarms.max_data_age_seconds} s: the raw "
                    f"bucket does not take them; {_RUNBOOK}"
                ),
                namespace="AWS/Firehose",
                metric="DeliveryToS3.DataFreshness",
                dimensions=stream,
                statistic="Maximum",
                comparison="GreaterThanThreshold",
                threshold=alarms.max_data_age_seconds,
                period_seconds=_FIVE_MINUTES,
                missing="notBreaching",  # nothing is waiting
                targets=inputs.targets,
            ),
        )
        for kind, metric, action, allowed, what in (
            (
                "rule_failures",
                "Failure",
                "Firehose",
                alarms.max_rule_failures,
                "The topic rule can't pass readings on; they are in raw/errors/rule",
            ),
            (
                "lost_errors",
                "ErrorActionFailure",
                "S3",
                0,
                "The topic rule can't keep what it can't pass on: READINGS ARE LOST",
            ),
        ):
            Alarm(
                self,
                kind,
                AlarmInputs(
                    name=names.part(kind.replace("_", "-")),
                    description=f"{what}; {_RUNBOOK}",
                    namespace="AWS/IoT",
                    metric=metric,
                    dimensions={"RuleName": names.topic_rule, "ActionType": action},
                    statistic="Sum",
                    comparison="GreaterThanThreshold",
                    threshold=allowed,
                    period_seconds=_FIVE_MINUTES,
                    missing="notBreaching",  # a rule that does not fail tells nothing
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
                    f"No reading has come for {alarms.silent_minutes} minutes from any device; "
                    f"{_RUNBOOK}"
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
