"""Models, and configurations of the endpoint that serves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.models.requests.parts import Arguments, Owner


@dataclass(frozen=True)
class Variant:
    """A production variant.

    Parameters
    ----------
    model
        Name of the SageMaker model.
    weight
        Share of the traffic, relative to the other variants' weights.
    """

    name: str
    model: str
    instance_type: str
    instances: int
    weight: float = 1


def model(name: str, container: Mapping[str, Any], owner: Owner) -> Arguments:
    """Arguments of ``CreateModel``.

    Parameters
    ----------
    container
        `of_version`, or ``Image`` and ``ModelDataUrl`` of a training job.
    """
    return {
        "ModelName": name,
        "ExecutionRoleArn": owner.role,
        "PrimaryContainer": dict(container),
        "Tags": owner.tag_list,
    }


def of_version(package: str) -> Arguments:
    """Container of a registered version, by its ARN: the registry holds all that it is made of."""
    return {"ModelPackageName": package}


def of_artefact(image: str, artefact: str) -> Arguments:
    """Container of an image and the S3 URI of what a training job left."""
    return {"Image": image, "ModelDataUrl": artefact}


def endpoint_configuration(name: str, variants: Sequence[Variant], owner: Owner) -> Arguments:
    """Arguments of ``CreateEndpointConfig``."""
    return {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": one.name,
                "ModelName": one.model,
                "InstanceType": one.instance_type,
                "InitialInstanceCount": one.instances,
                "InitialVariantWeight": one.weight,
            }
            for one in variants
        ],
        "Tags": owner.tag_list,
    }
