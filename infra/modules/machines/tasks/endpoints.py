"""Endpoints and their configurations, as calls of SageMaker.

Resources that may be missing are looked up in lists, which are then empty. Describing a missing
resource fails with the error code that SageMaker uses for most errors, so that only the English
message would tell them apart.
"""

from __future__ import annotations

from typing import Any

from contracts.models.requests.parts import Arguments, Owner
from contracts.names import Names
from infra.modules.core.policy import Statement
from infra.modules.machines.states_language import Call, expression


def find(kind: str, name: str) -> Call:
    """Lists resources by name; the exact match comes first, longer names with the prefix follow.

    Parameters
    ----------
    kind
        ``Endpoints``, ``EndpointConfigs`` or ``Models``.
    """
    return Call(
        f"aws-sdk:sagemaker:list{kind}",
        {"NameContains": name, "SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 100},
        (Statement("List", (f"sagemaker:List{kind}",), ("*",)),),  # lists have no resource
    )


def describe(names: Names) -> Call:
    """Describes the endpoint."""
    return _of_endpoint(names, "DescribeEndpoint", {})


def delete(names: Names) -> Call:
    """Deletes the endpoint."""
    return _of_endpoint(names, "DeleteEndpoint", {})


def set_weights(names: Names, desired: str) -> Call:
    """Sets the variants' weights, by JSONata of ``DesiredWeightsAndCapacities``."""
    return _of_endpoint(
        names,
        "UpdateEndpointWeightsAndCapacities",
        {"DesiredWeightsAndCapacities": expression(desired)},
    )


def create(names: Names, configuration: str, owner: Owner) -> Call:
    """Creates the endpoint with a configuration, by JSONata of its name."""
    return _configured(names, "CreateEndpoint", configuration, {"Tags": owner.tag_list})


def update(names: Names, configuration: str) -> Call:
    """Updates the endpoint to another configuration, by JSONata of its name."""
    return _configured(names, "UpdateEndpoint", configuration, {})


def create_configuration(names: Names, request: Arguments) -> Call:
    """Creates a configuration from `contracts.models.requests.serving.endpoint_configuration`."""
    return Call(
        "aws-sdk:sagemaker:createEndpointConfig",
        request,
        (
            Statement(
                "CreateConfigurations",
                ("sagemaker:AddTags", "sagemaker:CreateEndpointConfig"),
                (_configurations(names),),
            ),
        ),
    )


def describe_configuration(names: Names, name: str) -> Call:
    """Describes a configuration, by JSONata of its name."""
    return Call(
        "aws-sdk:sagemaker:describeEndpointConfig",
        {"EndpointConfigName": expression(name)},
        (
            Statement(
                "DescribeConfigurations",
                ("sagemaker:DescribeEndpointConfig",),
                (_configurations(names),),
            ),
        ),
    )


def _of_endpoint(names: Names, operation: str, arguments: dict[str, Any]) -> Call:
    return Call(
        f"aws-sdk:sagemaker:{operation[0].lower()}{operation[1:]}",
        {"EndpointName": names.endpoint, **arguments},
        (Statement("UseEndpoint", (f"sagemaker:{operation}",), (_endpoint(names),)),),
    )


def _configured(names: Names, operation: str, configuration: str, arguments: Arguments) -> Call:
    call = _of_endpoint(
        names, operation, {"EndpointConfigName": expression(configuration), **arguments}
    )
    tags = ("sagemaker:AddTags",) if "Tags" in arguments else ()
    statement = Statement(
        "ReleaseToEndpoint",
        (f"sagemaker:{operation}", *tags),
        (_endpoint(names), _configurations(names)),
    )
    return Call(call.resource, call.arguments, (statement,))


def _endpoint(names: Names) -> str:
    return names.arn("sagemaker", f"endpoint/{names.endpoint}")


def _configurations(names: Names) -> str:
    return names.arn("sagemaker", f"endpoint-config/{names.endpoint}-*")
