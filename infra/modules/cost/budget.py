"""An environment's monthly budget, with notifications to the alarm topic."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.budgets_budget import (
    BudgetsBudget,
    BudgetsBudgetCostFilter,
    BudgetsBudgetNotification,
)
from constructs import Construct

from contracts.names import Names

NOTICES = (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
"""Notifications, each sent once per month: actual or forecast cost, and percent of the budget."""


@dataclass(frozen=True)
class BudgetInputs:
    """Names of the environment and its budget."""

    names: Names
    monthly_usd: int


class Budget(Construct):
    """A monthly budget for all resources with the environment's tag.

    The tag `environment` takes effect after it is activated as a cost allocation tag in the
    management account: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
    """

    def __init__(self, scope: Construct, id_: str, inputs: BudgetInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        BudgetsBudget(
            self,
            "this",
            name=names.budget,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(inputs.monthly_usd),
            limit_unit="USD",
            cost_filter=[
                BudgetsBudgetCostFilter(
                    name="TagKeyValue", values=[f"user:environment${names.environment}"]
                )
            ],
            notification=[
                BudgetsBudgetNotification(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                    subscriber_sns_topic_arns=[names.alarm_topic_arn],
                )
                for kind, percent in NOTICES
            ],
        )
