"""The serving stack: the forecast API, its function, and the environment's budget.

Models, endpoint configurations and endpoints are releases; `forecasting` and the state machines
make them, not Terraform.
"""

from __future__ import annotations

from constructs import Construct

from infra.modules.api import function_code
from infra.modules.api.account_logging import AccountLogging
from infra.modules.api.forecast_function import ForecastFunction, ForecastFunctionInputs
from infra.modules.api.openapi import read
from infra.modules.api.rest_api import RestApi, RestApiInputs
from infra.modules.api.stage import ApiStage, ApiStageInputs
from infra.modules.cost.budget import Budget, BudgetInputs
from infra.stacks.base import EstateStack, Target


class ServingStack(EstateStack):
    """The resources that answer API requests."""

    def __init__(self, scope: Construct, id_: str, target: Target) -> None:
        super().__init__(scope, id_, target)
        names, settings = target.names, target.settings
        tracing = settings.api_gateway.tracing
        function = ForecastFunction(
            self,
            "function",
            ForecastFunctionInputs(
                names=names,
                code=self.package(function_code.forecast_api(), "forecast_api.zip"),
                interaction_days=settings.retention.interaction_days,
                reserved_concurrency=settings.forecast.api.reserved_concurrency,
                tracing=tracing,
            ),
        )
        api = RestApi(
            self,
            "api",
            RestApiInputs(names, read(function_code.FORECAST_API), function.function),
        )
        logging = [AccountLogging(self, "logging", names).account] if settings.account.owner else []
        ApiStage(
            self,
            "stage",
            ApiStageInputs(
                names, api, settings.forecast.api, tracing, settings.retention.log_days, logging
            ),
        )
        if settings.budget.monthly_usd:
            budget = settings.budget
            Budget(self, "budget", BudgetInputs(names, budget.monthly_usd, budget.by_tag))
