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
    """Names of the environment and its budget.

    Parameters
    ----------
    by_tag
        Whether only resources with the environment's tag count, instead of the whole account.
    """

    names: Names
    monthly_usd: int
    by_tag: bool


class Budget(Construct):
    """A monthly budget of the account, or of the resources with the environment's tag.

    A tag counts nothing until it is activated as a cost allocation tag, which only the management
    (payer) account can do, and only after a day or so with tagged resources. So this stack can't
    activate it, and a budget by tag would stay silent until someone does:
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
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
            ]
            if inputs.by_tag
            else None,
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
