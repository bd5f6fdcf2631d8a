"""API keys without a value: API Gateway makes one up, and ministack does so only for a missing one.

Terraform's provider sends an empty value where none is given.
"""

from __future__ import annotations

from typing import Any

from ministack.services import apigateway_v1


def generate_missing_values() -> None:
    """Have an empty value of a new API key read as none."""
    create = apigateway_v1._create_api_key

    def create_api_key(data: dict[str, Any]) -> Any:
        return create({name: value for name, value in data.items() if (name, value) != ("value", "")})

    apigateway_v1._create_api_key = create_api_key
