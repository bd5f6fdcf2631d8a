"""Models and endpoint configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.models.requests.parts import Arguments, Owner


def model(name: str, container: Mapping[str, Any] | str, owner: Owner) -> Arguments:
    """Arguments of ``CreateModel``.

    Parameters
    ----------
    container
        `of_version` or `of_artefact`, or an expression of one.
    """
    return {
        "ModelName": name,
        "ExecutionRoleArn": owner.role,
        "PrimaryContainer": container if isinstance(container, str) else dict(container),
        "Tags": owner.tag_list,
    }


def of_version(package: str) -> Arguments:
    """Returns the container of a registered version, given the ARN of its model package."""
    return {"ModelPackageName": package}


def of_artefact(image: str, artefact: str) -> Arguments:
    """Returns the container of an image and the S3 URI of a training job's artefact."""
    return {"Image": image, "ModelDataUrl": artefact}


def endpoint_configuration(
    name: str, variants: Sequence[Mapping[str, Any]] | str, owner: Owner
) -> Arguments:
    """Arguments of ``CreateEndpointConfig``.

    Parameters
    ----------
    variants
        The production variants, or `variants_in_jsonata` as an expression.
    """
    return {
        "EndpointConfigName": name,
        "ProductionVariants": variants if isinstance(variants, str) else [*variants],
        "Tags": owner.tag_list,
    }


def variants_in_jsonata(variants: str, instance_type: str, instances: str) -> str:
    """Returns JSONata of ``ProductionVariants``, whose number is known only at run time.

    Parameters
    ----------
    variants
        JSONata of an array of objects with ``name``, ``model`` and ``weight``.
    instance_type, instances
        JSONata of each variant's instance type and count.
    """
    return (
        f"[{variants}.{{'VariantName': name, 'ModelName': model, "
        f"'InstanceType': {instance_type}, 'InitialInstanceCount': {instances}, "
        "'InitialVariantWeight': weight}]"
    )
