"""Checks the names of a task's parameters against the model of the service that it calls.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud.services.stepfunctions.engine.tasks import FUNCTION, Resource
from localcloud.services.stepfunctions.integrations import services, spelling


def problems(arn: str, parameters: Any) -> Iterator[str]:
    """Yields the parameters that are missing or unknown, in the wording of Step Functions.

    Parameters
    ----------
    parameters
        ``Parameters`` or ``Arguments`` of the state. Values are not checked, as they may come from
        the input; neither are parameters that are an expression as a whole.
    """
    resource = Resource.parse(arn)
    service = services.called(resource.service)
    if resource.service == FUNCTION or service is None or not isinstance(parameters, dict):
        return
    operation = service.operation(resource.action)
    shape = operation.input_shape if operation is not None else None
    names = {name.removesuffix(".$") for name in parameters}
    known = {spelling.capitalised(name): name for name in shape.members} if shape else {}
    for name in sorted(names - set(known)):
        yield f"The field '{name}' is not supported by Step Functions"
    required = {spelling.capitalised(name) for name in shape.required_members} if shape else set()
    tokens = {
        name
        for name in required
        if shape and shape.members[known[name]].metadata.get("idempotencyToken")
    }
    for name in sorted(required - tokens - names):
        yield f"The field '{name}' is required but was missing"
