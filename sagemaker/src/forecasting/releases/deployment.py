"""Models, endpoint configurations and the endpoint: releases, so no part of Terraform's estate."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from contracts.names import Names
from contracts.settings.schema import Endpoint, Settings
from forecasting.errors import ForecastingError, message_of
from forecasting.jobs.training import tags
from forecasting.releases import servable

DEFAULT_VARIANT = "champion"
SETTLED = ("InService", "Failed", "OutOfService", "UpdateRollbackFailed")
POLL = 2.0
"""Seconds between two looks at an endpoint."""


@dataclass(frozen=True)
class Variant:
    """A production variant.

    Parameters
    ----------
    name
        Of the variant.
    model
        What it serves: a training job, an algorithm for its newest completed job, or a version of
        the registry, such as ``v3``.
    weight
        Its share of traffic, relative to the other variants' weights.
    """

    name: str
    model: str
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Read ``NAME=MODEL`` or ``NAME=MODEL:WEIGHT``.

        Raises
        ------
        ForecastingError
            The text has another form, or the weight is no number from 0.
        """
        name, equals, rest = text.partition("=")
        model, _, weight = rest.partition(":")
        try:
            share = float(weight or 1)
        except ValueError:
            share = -1.0
        if not name or not equals or not model or not share >= 0:
            raise ForecastingError(
                f"a variant is NAME=MODEL:WEIGHT with a weight from 0; got {text!r}"
            )
        return cls(name, model, share)


@dataclass(frozen=True)
class Deployed:
    """An endpoint that serves what was asked for; its variants by their SageMaker models."""

    endpoint: str
    configuration: str
    variants: tuple[Variant, ...]
    was_there: bool


def configuration_name(names: Names, variants: Sequence[Variant], endpoint: Endpoint) -> str:
    """Name that says what is in the configuration: the same variants have the same name."""
    content = json.dumps(
        [
            [[one.name, one.model, one.weight] for one in variants],
            endpoint.instance_type,
            endpoint.initial_instance_count,
        ]
    )
    return f"{names.endpoint}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def deploy(
    session: Any,
    names: Names,
    settings: Settings,
    variants: Sequence[Variant],
    *,
    report: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Deployed:
    """Make the endpoint serve the variants, and see that it does. Repeating it changes nothing.

    Raises
    ------
    ForecastingError
        There is no such model, it has other categories than the lake, SageMaker refuses, or the
        endpoint does not end up with the new configuration.
    """
    _check_variants(variants)
    sagemaker = session.client("sagemaker")
    labels = [{"Key": key, "Value": value} for key, value in tags(names, settings).items()]
    found = [servable.find(session, names, one.model) for one in variants]
    for one in found:
        servable.check_categories(session.client("s3"), names, one)
        servable.create_model(sagemaker, names, one, labels)
    variants = [
        replace(variant, model=one.model) for variant, one in zip(variants, found, strict=True)
    ]
    configuration = configuration_name(names, variants, settings.endpoint)
    _create_configuration(sagemaker, configuration, variants, settings.endpoint, labels)
    was_there = _release(
        sagemaker, names.endpoint, configuration, labels, report=report, sleep=sleep
    )
    return Deployed(names.endpoint, configuration, tuple(variants), was_there)


def _release(
    sagemaker: Any,
    endpoint: str,
    configuration: str,
    labels: list[dict[str, str]],
    *,
    report: Callable[[str], None],
    sleep: Callable[[float], None],
) -> bool:
    """Point the endpoint at a configuration; whether it pointed there already."""
    found = _settled(sagemaker, endpoint, report, sleep)
    if found is not None and found["EndpointStatus"] == "Failed":
        # an endpoint that never came up cannot be updated
        sagemaker.delete_endpoint(EndpointName=endpoint)
        while _describe(sagemaker, endpoint) is not None:
            report("Deleting")
            sleep(POLL)
        found = None
    if found is not None and found["EndpointConfigName"] == configuration:
        return True
    try:
        if found is None:
            sagemaker.create_endpoint(
                EndpointName=endpoint, EndpointConfigName=configuration, Tags=labels
            )
        else:
            sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=configuration)
    except ClientError as error:
        raise ForecastingError(f"SageMaker refused the endpoint: {message_of(error)}") from None
    reached = _settled(sagemaker, endpoint, report, sleep)
    # AWS rolls a failed update back and the endpoint is InService again: with the old configuration
    if (
        reached is None
        or reached["EndpointStatus"] != "InService"
        or reached["EndpointConfigName"] != configuration
    ):
        state = reached or {"EndpointStatus": "gone", "EndpointConfigName": "none"}
        raise ForecastingError(
            f"endpoint {endpoint} was to serve {configuration}; it is {state['EndpointStatus']} "
            f"with {state['EndpointConfigName']}: "
            f"{state.get('FailureReason', 'no reason was given')} "
            f"(log: /aws/sagemaker/Endpoints/{endpoint})"
        )
    return False


def _settled(
    sagemaker: Any,
    endpoint: str,
    report: Callable[[str], None],
    sleep: Callable[[float], None],
) -> dict[str, Any] | None:
    """The endpoint when no change is under way any more; None where there is none."""
    while (found := _describe(sagemaker, endpoint)) is not None:
        report(str(found["EndpointStatus"]))
        if found["EndpointStatus"] in SETTLED:
            return found
        sleep(POLL)
    return None


def _describe(sagemaker: Any, endpoint: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if _is_missing(error):
            return None
        raise
    return found


def _create_configuration(
    sagemaker: Any,
    name: str,
    variants: Sequence[Variant],
    endpoint: Endpoint,
    labels: list[dict[str, str]],
) -> None:
    try:
        sagemaker.describe_endpoint_config(EndpointConfigName=name)
    except ClientError as error:
        if not _is_missing(error):
            raise
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": one.name,
                    "ModelName": one.model,
                    "InstanceType": endpoint.instance_type,
                    "InitialInstanceCount": endpoint.initial_instance_count,
                    "InitialVariantWeight": one.weight,
                }
                for one in variants
            ],
            Tags=labels,
        )


def _check_variants(variants: Sequence[Variant]) -> None:
    if len({one.name for one in variants}) < len(variants):
        raise ForecastingError(
            f"every variant needs its own name; got {', '.join(one.name for one in variants)}"
        )
    if not sum(one.weight for one in variants):
        raise ForecastingError("at least one variant needs a weight above 0")


def _is_missing(error: ClientError) -> bool:
    # SageMaker has no code of its own for it: ValidationException, "Could not find …"
    return error.response["Error"]["Code"] == "ResourceNotFound" or "Could not find" in message_of(
        error
    )
