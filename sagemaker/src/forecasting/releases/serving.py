"""Reads the production variants in service, and compares them with a release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from contracts.models.releases import Release
from contracts.names import Names
from forecasting.errors import is_missing

IN_SERVICE = "InService"
_TOLERANCE = 1e-4
"""Difference of weights that is ignored: SageMaker stores them in single precision."""


@dataclass(frozen=True)
class Served:
    """A production variant in service.

    Parameters
    ----------
    share
        Share of the traffic, 0 to 1.
    """

    variant: str
    model: str
    share: float


def served(session: Any, names: Names) -> list[Served]:
    """Returns the endpoint's production variants; none if no endpoint is in service."""
    sagemaker = session.client("sagemaker")
    endpoint = _endpoint(sagemaker, names)
    if endpoint is None:
        return []
    weights = _weights(endpoint)
    total = sum(weights.values())
    if not total:
        return []
    configuration = sagemaker.describe_endpoint_config(
        EndpointConfigName=endpoint["EndpointConfigName"]
    )
    return [
        Served(one["VariantName"], one["ModelName"], weights[one["VariantName"]] / total)
        for one in configuration["ProductionVariants"]
        if one["VariantName"] in weights
    ]


def endpoint_status(session: Any, names: Names) -> str:
    """Returns SageMaker's status of the endpoint."""
    endpoint = _endpoint(session.client("sagemaker"), names)
    return "not there" if endpoint is None else str(endpoint["EndpointStatus"])


def difference(session: Any, names: Names, release: Release) -> str:
    """Describes how the endpoint differs from a release; empty if it serves exactly the release.

    SageMaker's status is not enough: AWS rolls a failed update back, and then the endpoint is in
    service again with its previous configuration.
    """
    sagemaker = session.client("sagemaker")
    endpoint = _endpoint(sagemaker, names)
    if endpoint is None:
        return "there is no endpoint"
    status, configuration = endpoint["EndpointStatus"], endpoint["EndpointConfigName"]
    if status != IN_SERVICE or configuration != release.configuration:
        reason = endpoint.get("FailureReason", "no reason was given")
        return f"it is {status} with {configuration}: {reason}"
    made = sagemaker.describe_endpoint_config(EndpointConfigName=configuration)
    found = [(one["VariantName"], one["ModelName"]) for one in made["ProductionVariants"]]
    expected = [(one.name, one.model) for one in release.variants]
    if found != expected:
        return f"its configuration has the variants {found}"
    weights = _weights(endpoint)
    if any(abs(weights.get(one.name, -1) - one.weight) > _TOLERANCE for one in release.variants):
        return f"its weights are {weights}"
    return ""


def _weights(endpoint: dict[str, Any]) -> dict[str, float]:
    return {
        one["VariantName"]: one["CurrentWeight"]
        for one in endpoint.get("ProductionVariants", [])
        if "CurrentWeight" in one
    }


def _endpoint(sagemaker: Any, names: Names) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=names.endpoint)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    return found
