"""Settings that an account has once per region, and that environments in one account share.

Terraform would change them back and forth between environments, and destroying one environment
would take them from the others. So one environment owns them (``[account] owner``), and this module
checks before a plan that no other one does.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import LakecastError
from infra.estate.place import Place


class AccountError(LakecastError):
    """The account's settings belong to another environment, or to none, or can't be read."""


def check(session: Any, place: Place) -> None:
    """Checks that the owner of the account's settings is the one that the settings name.

    API Gateway's logging role shows the owner. Without a role, a stage that logs can't be created:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html

    Raises
    ------
    AccountError
        Another environment set the role and this one would replace it, or none did and this one
        would not.
    """
    names = place.names
    try:
        role = session.client("apigateway").get_account().get("cloudwatchRoleArn")
    except (BotoCoreError, ClientError) as error:
        raise AccountError(
            f"API Gateway's settings of the account can't be read: {error}"
        ) from None
    file = f"infra/environments/{names.environment}.toml"
    if place.settings.account.owner and role not in (None, "", names.role_arn("api-logging")):
        raise AccountError(
            f"API Gateway writes its logs as {role} in this account and region, which this plan "
            f"would replace: set [account] owner = false in {file}, or let that environment's "
            "settings do so and apply it first"
        )
    if not place.settings.account.owner and not role:
        raise AccountError(
            "API Gateway has no role for its logs in this account and region: apply the "
            f"environment that has [account] owner = true first, or set it in {file}"
        )
