"""Whether anybody hears of an alarm."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from infra.preflight.account import Account
from infra.preflight.findings import ATTENTION, OK, Finding

_NAME = "alarm recipients"
_UNCONFIRMED = ("pendingconfirmation", "deleted")
"""Values in place of the ARN of a subscription that receives nothing."""


def check(account: Account) -> Iterator[Finding]:
    """Checks for a confirmed subscription of the topic, or a further target in the settings."""
    topic, targets = account.names.alarm_topic_arn, account.settings.alarms.targets
    pages = account.client("sns").get_paginator("list_subscriptions_by_topic")
    expected = "a confirmed subscription, or alarms.targets in the settings"
    how = f"`make plan ENV={account.names.environment} ALARM_EMAILS=ADDRESS`"
    try:
        found = [one for page in pages.paginate(TopicArn=topic) for one in page["Subscriptions"]]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NotFound", "NotFoundException"):
            raise
        if targets:
            yield Finding(_NAME, OK, expected, f"{len(targets)} targets in the settings")
        else:
            yield Finding(_NAME, ATTENTION, expected, "no topic yet", how)
        return
    confirmed = [one for one in found if one["SubscriptionArn"].lower() not in _UNCONFIRMED]
    if confirmed or targets:
        yield Finding(
            _NAME, OK, expected,
            f"{len(confirmed)} confirmed subscriptions, {len(targets)} targets in the settings",
        )  # fmt: skip
    elif found:
        yield Finding(
            _NAME, ATTENTION, expected, f"{len(found)} unconfirmed", "follow the link in the email"
        )
    else:
        yield Finding(_NAME, ATTENTION, expected, "none: nobody hears of an alarm", how)
