"""Lets AWS services assume roles and checks the roles' policies."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam, sts

from contracts.names import arn

SESSION_SECONDS = 3600


class RoleError(Exception):
    """A service cannot assume a role, or the role lacks a permission; the message says why."""


@dataclass(frozen=True)
class RoleSession:
    """Temporary credentials of a service that has assumed a role."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: float


def assume(
    role_arn: str, service: str, session_name: str, region: str, source_arn: str = ""
) -> RoleSession:
    """Assumes a role as an AWS service such as ``firehose.amazonaws.com``.

    Parameters
    ----------
    source_arn
        Resource on whose behalf the service acts, ``aws:SourceArn`` in a trust policy.

    Raises
    ------
    RoleError
        If the role does not exist or does not trust the service.
    """
    account, name = _role(role_arn)
    _check_trust(account, name, service, region, source_arn)
    expiration = time.time() + SESSION_SECONDS
    session = RoleSession(
        iam._gen_session_access_key(), iam._gen_secret(), iam._gen_session_token(), expiration
    )
    sts.register_session(
        session.access_key_id,
        {
            "Arn": _session_arn(account, name, session_name),
            "UserId": f"AROA{uuid.uuid4().hex[:17].upper()}:{session_name}",
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
            "Expiration": expiration,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
        },
    )
    return session


def check_allows(  # noqa: PLR0917 - as `assume`
    role_arn: str, service: str, action: str, resource: str, region: str, source_arn: str = ""
) -> None:
    """Checks that a role, assumed by a service, allows an action on a resource.

    Raises
    ------
    RoleError
        If it does not.
    """
    account, name = _role(role_arn)
    _check_trust(account, name, service, region, source_arn)
    policies = iam_evaluator._gather_role_policies(name, account)
    boundary = iam_evaluator._permissions_boundary(iam._roles, name, account)
    context = _context(account, name, service, action=action, resource=resource, region=region)
    if iam_evaluator.evaluate(context, policies, *boundary).decision != "Allow":
        raise RoleError(f"{role_arn} does not allow {action} on {resource}")


def _role(role_arn: str) -> tuple[str, str]:
    parts = role_arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "iam" or not parts[5].startswith("role/"):
        raise RoleError(f"expected the ARN of a role; got {role_arn!r}")
    account, name = parts[4], parts[5].rpartition("/")[2]
    if iam._roles.get_scoped(account, None, name) is None:
        raise RoleError(f"the role {role_arn} does not exist")
    return account, name


def _session_arn(account: str, role: str, session: str) -> str:
    return arn("sts", f"assumed-role/{role}/{session}", account_id=account)


def _check_trust(account: str, name: str, service: str, region: str, source_arn: str) -> None:
    role = iam._roles.get_scoped(account, None, name)
    document = role.get("AssumeRolePolicyDocument") or "{}"
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    context = _context(
        account,
        name,
        service,
        action="sts:AssumeRole",
        resource=role.get("Arn", "*"),
        region=region,
        source_arn=source_arn,
    )
    effects = {
        statement.get("Effect")
        for statement in ([statements] if isinstance(statements, dict) else statements)
        if iam_evaluator._service_principal_matches(statement.get("Principal"), service)
        and iam_evaluator._action_matches(
            "sts:AssumeRole", _listed(statement, "Action"), _listed(statement, "NotAction")
        )
        and iam_evaluator._conditions_met(statement.get("Condition", {}), context)
    }
    if "Allow" not in effects or "Deny" in effects:
        raise RoleError(f"{service} may not assume {name}: its trust policy does not allow it")


def _context(
    account: str,
    role: str,
    service: str,
    *,
    action: str,
    resource: str,
    region: str,
    source_arn: str = "",
) -> Any:
    return iam_evaluator.EvalContext(
        principal_arn=_session_arn(account, role, service.partition(".")[0]),
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
        secure_transport=True,
        # Firehose passes the account as external id when it assumes a role; other services pass
        # none (docs.aws.amazon.com/firehose/latest/dev/controlling-access.html).
        service_context={
            "aws:sourceaccount": account,
            **({"aws:sourcearn": source_arn} if source_arn else {}),
            **({"sts:externalid": account} if service == "firehose.amazonaws.com" else {}),
        },
    )


def _listed(statement: dict[str, Any], member: str) -> list[str]:
    value = statement.get(member, [])
    return [value] if isinstance(value, str) else list(value)
