"""Who may call this cloud: nobody but holders of keys that it has issued, as on AWS.

With ``AUTH=true`` ministack holds users and roles to their policies, but takes callers with the key
``test``, an account's number or no key at all for the account's root, whose signature it does not
check. Here there is no such caller: the owner of the home folder is an administrator with a key
of his own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import request_scope
from ministack.services import iam

from localcloud.cloud.home import CloudConfig, Credentials

ADMINISTRATOR = "local-administrator"
_EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def demand_signatures() -> None:
    """Have every caller prove who he is.

    Connections are taken for secure transport (``aws:SecureTransport``): they never leave this
    machine, and policies that refuse plain HTTP are part of the estate that must run here too.
    """
    pin = app.pin_request_origin
    app.pin_request_origin = lambda address, _secure: pin(address, True)
    iam_evaluator.is_root_access_key = lambda _key: False
    iam_actions.request_tag_context = _with_namespace(iam_actions.request_tag_context)
    iam_actions.extract_resource_arn = _with_crawlers(iam_actions.extract_resource_arn)


def admit_administrator(config: CloudConfig, credentials: Credentials) -> None:
    """See that the administrator and his key exist; they are kept with IAM's other state."""
    with request_scope(config.account_id, config.region):
        iam._users.setdefault(
            ADMINISTRATOR,
            {
                "UserName": ADMINISTRATOR,
                "Arn": f"arn:aws:iam::{config.account_id}:user/{ADMINISTRATOR}",
                "UserId": iam._gen_id("AIDA"),
                "CreateDate": iam._now(),
                "Path": "/",
                "PermissionsBoundary": "",
                "AttachedPolicies": [],
                "Tags": [],
            },
        )
        iam._user_inline_policies[ADMINISTRATOR] = {"everything": json.dumps(_EVERYTHING)}
        iam._access_keys[credentials.access_key_id] = {
            "UserName": ADMINISTRATOR,
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "Status": "Active",
            "CreateDate": iam._now(),
        }


def _with_namespace(keys: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Condition keys of a request, with ``cloudwatch:namespace`` where metrics are published.

    It is the only way to let somebody publish metrics of one namespace and no other; ministack
    does not know it and would refuse them.
    """

    def condition_keys(service: str, action: str, body: bytes, params: Any) -> dict[str, Any]:
        found = keys(service, action, body, params)
        if action == "cloudwatch:PutMetricData":
            found = {**found, "cloudwatch:namespace": namespace(body)}
        return found

    return condition_keys


def _with_crawlers(resource: Callable[..., str]) -> Callable[..., str]:
    """ARN that a request is checked on; ministack takes any name told to Glue for a table's."""

    def with_crawlers(service: str, method: str, path: str, headers: Any, *rest: Any) -> str:
        found = resource(service, method, path, headers, *rest)
        action = headers.get("x-amz-target", "")
        if action.startswith("AWSGlue.") and action.endswith("Crawler"):
            return found.replace(":table/", ":crawler/")
        return found

    return with_crawlers


def namespace(body: bytes) -> str | None:
    """Namespace that a PutMetricData request is for, in JSON or form-encoded."""
    found: str | None
    if body[:1] == b"{":
        found = json.loads(body).get("Namespace")
    else:
        (found,) = parse_qs(body.decode("utf-8", "replace")).get("Namespace", [None])
    return found
