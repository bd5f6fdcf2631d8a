"""Identity of the credentials, and whether account and region are the intended ones."""

from __future__ import annotations

from collections.abc import Iterator

from infra.preflight.account import Account
from infra.preflight.findings import ATTENTION, FAILS, OK, Finding


def check(account: Account) -> Iterator[Finding]:
    """Checks the region, the account and the identity."""
    names, wanted = account.names, account.settings.environment
    file = f"infra/environments/{names.environment}.toml"
    yield Finding("region", OK, names.region, names.region)
    if wanted.account is None:
        yield Finding(
            "account", ATTENTION, "environment.account in the settings", names.account_id,
            f"if this is the intended account, set account = \"{names.account_id}\" in {file}",
        )  # fmt: skip
    elif wanted.account != names.account_id:
        yield Finding("account", FAILS, wanted.account, names.account_id, "use other credentials")
    else:
        yield Finding("account", OK, wanted.account, names.account_id)
    who = str(account.client("sts").get_caller_identity()["Arn"])
    if who.endswith(":root"):
        yield Finding(
            "identity", ATTENTION, "a role or a user", who, "do not work as the root user"
        )
    else:
        yield Finding("identity", OK, "a role or a user", who)
