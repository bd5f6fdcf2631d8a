"""Corrects responses of ministack that differ from AWS's and confuse Terraform.

Each correction says what happens without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import apigateway_v1, glue

Answer = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Installs the corrections in ministack."""
    apigateway_v1._create_api_key = _generating_values(apigateway_v1._create_api_key)
    glue._create_trigger = _without_empty_parts(glue._create_trigger)


def _generating_values(
    create: Callable[[dict[str, Any]], Answer],
) -> Callable[[dict[str, Any]], Answer]:
    """Removes an empty value from the request to create an API key.

    Terraform's provider sends an empty value if none is configured. API Gateway then generates a
    value; ministack refuses the empty one as too short.
    """

    def create_api_key(data: dict[str, Any]) -> Answer:
        return create(
            {name: value for name, value in data.items() if (name, value) != ("value", "")}
        )

    return create_api_key


def _without_empty_parts(
    create: Callable[[dict[str, Any]], Answer],
) -> Callable[[dict[str, Any]], Answer]:
    """Removes the empty predicate that ministack adds to a Glue trigger without one.

    Terraform would remove it at every apply.
    """

    def create_trigger(data: dict[str, Any]) -> Answer:
        answer = create(data)
        trigger = glue._triggers.get(data.get("Name"), {})
        if not trigger.get("Predicate", True):
            del trigger["Predicate"]
        return answer

    return create_trigger
