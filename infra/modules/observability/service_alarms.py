"""Alarms on AWS's own metrics: state machines, functions, the API and its endpoint, lost events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from constructs import Construct

from contracts.models.releases import CHAMPION
from contracts.names import WORKLOADS, Names
from infra.modules.observability.alarms import MINUTE, Alarm, AlarmInputs

_FUNCTIONS = "docs/runbooks/a-verb-fails.md"
_MODELS = "docs/runbooks/models.md"
_MILLISECOND = 1000
"""In microseconds, SageMaker's unit of latency."""


@dataclass(frozen=True)
class ServiceAlarmsInputs:
    """Names of the environment, and the ARNs that are notified.

    Parameters
    ----------
    latency_ms
        Latency of an endpoint, 99th percentile, above which an alarm is raised.
    """

    names: Names
    targets: Sequence[str]
    latency_ms: int


@dataclass(frozen=True)
class _Watched:
    """A metric that should stay at or below a threshold in periods of five minutes."""

    name: str
    summary: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str = "Sum"
    threshold: float = 0
    periods: int = 1
    runbook: str = field(default=_FUNCTIONS)


class ServiceAlarms(Construct):
    """An alarm per metric. No value means that nothing ran, so nothing is wrong."""

    def __init__(self, scope: Construct, id_: str, inputs: ServiceAlarmsInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        watched = [
            *_machines(names),
            *_functions(names),
            *(one for workload in WORKLOADS for one in _serving(names.of(workload), inputs)),
            _undelivered(names),
        ]
        for one in watched:
            Alarm(
                self,
                one.name.replace("-", "_"),
                AlarmInputs(
                    name=names.part(one.name),
                    description=f"{one.summary}; {one.runbook}",
                    namespace=one.namespace,
                    metric=one.metric,
                    dimensions=one.dimensions,
                    statistic=one.statistic,
                    comparison="GreaterThanThreshold",
                    threshold=one.threshold,
                    period_seconds=5 * MINUTE,
                    periods=one.periods,
                    missing="notBreaching",
                    targets=inputs.targets,
                ),
            )


def _machines(names: Names) -> Iterable[_Watched]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html"""
    for machine in names.machines:
        for metric, what in (
            ("ExecutionsFailed", "failed"),
            ("ExecutionsTimedOut", "timed out"),
            ("ExecutionsAborted", "was stopped"),
        ):
            yield _Watched(
                f"{machine.removeprefix(names.prefix)}-{what.split()[-1]}",
                f"An execution of {machine} {what}",
                "AWS/States",
                metric,
                {"StateMachineArn": names.state_machine_arn(machine)},
                runbook=_MODELS,
            )


def _functions(names: Names) -> Iterable[_Watched]:
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
    for function in names.functions:
        for metric, what in (("Errors", "failed"), ("Throttles", "was throttled")):
            yield _Watched(
                f"{function.removeprefix(names.prefix)}-{metric.lower()}",
                f"An invocation of {function} {what}",
                "AWS/Lambda",
                metric,
                {"FunctionName": function},
            )


def _serving(names: Names, inputs: ServiceAlarmsInputs) -> Iterable[_Watched]:
    """Yields alarms of a workload's API and of the endpoint behind it.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
    https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
    """
    yield _Watched(
        f"{names.workload.name}-api-5xx",
        f"{names.api} answered with an error of the server",
        "AWS/ApiGateway",
        "5XXError",
        {"ApiName": names.api, "Stage": names.environment},
    )
    endpoint = partial(
        _Watched,
        namespace="AWS/SageMaker",
        # there is no metric over all variants; a second one is seen through the API
        dimensions={"EndpointName": names.endpoint, "VariantName": CHAMPION},
        runbook=_MODELS,
    )
    yield endpoint(
        f"{names.workload.name}-endpoint-5xx",
        f"A container of {names.endpoint} answered with an error of the server",
        metric="Invocation5XXErrors",
    )
    yield endpoint(
        f"{names.workload.name}-endpoint-latency",
        f"One in a hundred requests to {names.endpoint} takes over {inputs.latency_ms} ms",
        metric="ModelLatency",
        statistic="p99",
        threshold=inputs.latency_ms * _MILLISECOND,
        periods=3,
    )


def _undelivered(names: Names) -> _Watched:
    return _Watched(
        "undelivered-events",
        f"EventBridge could not start something: the event is in the queue {names.event_queue}",
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        {"QueueName": names.event_queue},
        statistic="Maximum",
        runbook=_MODELS,
    )
