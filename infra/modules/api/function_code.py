"""Packages the code of the functions behind the APIs."""

from __future__ import annotations

from pathlib import Path

import fastjsonschema

from infra.modules.api.openapi import function_contract, read
from infra.modules.core.packaging import REPOSITORY, function_zip

FORECAST_API = REPOSITORY / "contracts/apis/forecast.openapi.yaml"


def forecast_api() -> bytes:
    """Builds the zip described in `lambdas/forecast_api/handler.py`."""
    return function_zip(
        "forecast_api",
        vendored=[Path(fastjsonschema.__file__).parent],
        made={"forecast_api/contract.json": function_contract(read(FORECAST_API))},
    )
