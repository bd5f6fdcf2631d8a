"""Drift alarms, and the rule that starts retraining on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from constructs import Construct

from contracts.lake.runs import NAMESPACE
from contracts.models import drift_metrics
from contracts.names import Names
from contracts.settings.schema import Nightly
from infra.modules.machines.machine_rule import MachineRule, MachineRuleInputs
from infra.modules.observability.alarms import HOUR, Alarm, AlarmInputs

_ALARMS = {
    drift_metrics.INPUT: (
        "input-drift",
        "Observed values differ from the data that the model was trained on",
    ),
    drift_metrics.MISSING: (
        "missing-hours",
        "More hours than usual lack a value: check the devices",
    ),
    drift_metrics.LOSS: (
        "forecast-loss",
        "The nightly forecasts are worse than the forecasts at the model's approval",
    ),
    drift_metrics.UNKNOWN: (
        "unknown-categories",
        "Devices or pollutants are not forecast, because the model does not know them",
    ),
}
_RETRAINED = (drift_metrics.INPUT, drift_metrics.LOSS, drift_metrics.UNKNOWN)
"""Checks that a new model can fix; no model fixes missing hours."""


@dataclass(frozen=True)
class DriftAlarmsInputs:
    """Limits of the alarms, and the ARNs that are notified."""

    names: Names
    forecasts: Nightly
    targets: Sequence[str]


class DriftAlarms(Construct):
    """An alarm per check, and a rule that starts the state machine ``retrain``."""

    def __init__(self, scope: Construct, id_: str, inputs: DriftAlarmsInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        for check, (name, description) in _ALARMS.items():
            Alarm(self, name.replace("-", "_"), _alarm(inputs, check, name, description))
        MachineRule(
            self,
            "rule",
            MachineRuleInputs(
                names=names,
                name=names.part("drift"),
                description="An alarm on drift was raised",
                machine=names.retrain_machine,
                pattern={
                    "source": ["aws.cloudwatch"],
                    "detail-type": ["CloudWatch Alarm State Change"],
                    "detail": {
                        "alarmName": [names.part(_ALARMS[check][0]) for check in _RETRAINED],
                        "state": {"value": ["ALARM"]},
                    },
                },
                given={"reason": "alarm <alarm>"},
                paths={"alarm": "$.detail.alarmName"},
            ),
        )


def _alarm(inputs: DriftAlarmsInputs, check: str, name: str, description: str) -> AlarmInputs:
    names, forecasts = inputs.names, inputs.forecasts
    return AlarmInputs(
        name=names.part(name),
        description=f"{description}; docs/runbooks/models.md",
        namespace=NAMESPACE,
        metric=check,
        dimensions={"environment": names.environment},
        statistic="Maximum",
        comparison="GreaterThanOrEqualToThreshold",
        threshold=1,  # the metric is a ratio to the limit that is stored with the model
        period_seconds=24 * HOUR,
        periods=forecasts.drift_of_days,
        breaching=forecasts.drift_days,
        missing="notBreaching",  # a night without a measurement counts as normal
        targets=inputs.targets,
    )
