"""Limits of an account and region that several estates share: Lambda's and API Gateway's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from contracts.names import WORKLOADS
from infra.preflight.account import Account
from infra.preflight.findings import ATTENTION, FAILS, OK, Finding

UNRESERVED = 100
"""Concurrent executions that must stay unreserved; in an account with a lower limit, all of them.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""


def concurrency(account: Account) -> Iterator[Finding]:
    """Checks that the reserved concurrency of the functions fits below the account's limit."""
    functions = account.client("lambda")
    limits = functions.get_account_settings()["AccountLimit"]
    limit, unreserved = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    wanted = held = 0
    for workload in WORKLOADS:
        reserved = account.settings.of(workload).api.reserved_concurrency
        wanted += max(reserved, 0)
        held += _reserved(functions, account.names.of(workload).api)
    free = unreserved + held - min(UNRESERVED, limit)
    file = f"infra/environments/{account.names.environment}.toml"
    if wanted and wanted > free:
        yield Finding(
            "Lambda concurrency", FAILS,
            f"at least {wanted} to reserve, besides {min(UNRESERVED, limit)} that stay unreserved",
            f"{max(free, 0)} of a limit of {limit}",
            "request a higher limit of concurrent executions in Service Quotas (lambda), or set "
            f"api.reserved_concurrency = -1 in {file}",
        )  # fmt: skip
    elif limit < UNRESERVED:
        yield Finding(
            "Lambda concurrency", ATTENTION, f"a limit of {UNRESERVED} or more", str(limit),
            "enough to begin with; request more in Service Quotas (lambda) before there is traffic",
        )  # fmt: skip
    else:
        yield Finding(
            "Lambda concurrency", OK, str(wanted), f"{wanted} reserved of a limit of {limit}"
        )


def _reserved(functions: Any, name: str) -> int:
    """Returns what a function of this estate has reserved already; 0 if there is none."""
    try:
        found = functions.get_function_concurrency(FunctionName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return 0
    return int(found.get("ReservedConcurrentExecutions", 0))


def api_gateway_account(account: Account) -> Iterator[Finding]:
    """Checks that only one estate sets API Gateway's logging role: a region of an account has one.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    present = account.client("apigateway").get_account().get("cloudwatchRoleArn") or None
    own = account.names.role_arn("api-logging")
    name, key = "API Gateway logging", "account.owner"
    file = f"infra/environments/{account.names.environment}.toml"
    if account.settings.account.owner:
        if present in (None, own):
            yield Finding(name, OK, own, present or "no role yet; the estate sets its own")
        elif not _exists(account.client("iam"), str(present)):
            yield Finding(name, OK, own, f"{present}, which does not exist any more")
        else:
            yield Finding(
                name, FAILS, f"no role, or {own}", str(present),
                f"another estate or stack set it, and this one would replace it: set {key} = false "
                f"in {file}",
            )  # fmt: skip
    elif present is None:
        yield Finding(
            name, FAILS, "a role, because stages write logs", "none",
            f"set {key} = true in {file}, or apply first the estate that sets the role",
        )  # fmt: skip
    else:
        yield Finding(name, OK, "a role of another estate", str(present))


def _exists(iam: Any, role: str) -> bool:
    """Returns whether a role exists; API Gateway keeps the ARN of one that was deleted."""
    try:
        iam.get_role(RoleName=role.rpartition("/")[2])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        return False
    return True
