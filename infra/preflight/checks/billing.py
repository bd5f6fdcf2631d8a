"""The cost allocation tag, without which a budget by tag sees no costs."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from infra.preflight.account import Account
from infra.preflight.findings import ATTENTION, OK, Finding, of_error

TAG = "environment"
"""The tag that the budget filters by."""

_REGION = "us-east-1"
"""Cost Explorer's only region."""


def check(account: Account) -> Iterator[Finding]:
    """Checks that the budget's tag is activated; AWS knows a tag only after a resource has it."""
    if not account.settings.budget.monthly_usd:
        yield Finding("cost tag", OK, "no budget", "none needed: the settings have no budget")
        return
    if not account.settings.budget.by_tag:
        yield Finding("cost tag", OK, "none", "none needed: the budget is the whole account's")
        return
    try:
        tags = account.client("ce", _REGION).list_cost_allocation_tags(
            TagKeys=[TAG], Type="UserDefined"
        )["CostAllocationTags"]
    except ClientError as error:
        finding = of_error("cost tag", error, f"the status of the tag {TAG}")
        yield Finding(
            finding.check, finding.verdict, finding.expected, finding.found,
            "in an organization, only the management account sees and activates the tag: "
            "check it there",
        )  # fmt: skip
        return
    if any(tag["Status"] == "Active" for tag in tags):
        yield Finding("cost tag", OK, "active", f"the tag {TAG} is active")
        return
    state = tags[0]["Status"].lower() if tags else "not known to AWS yet"
    yield Finding(
        "cost tag", ATTENTION, f"the tag {TAG} active, or the budget sees no costs", state,
        "a day after the first apply: `aws ce update-cost-allocation-tags-status "
        f"--cost-allocation-tags-status TagKey={TAG},Status=Active`",
    )  # fmt: skip
