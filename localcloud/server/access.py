"""Accepts only callers with keys that the local cloud has issued, as on AWS.

With ``AUTH=true`` ministack enforces the policies of users and roles. However, it treats callers
with the key ``test``, with an account number or without a key as the account's root user and does
not check their signature. Here, the owner of the home folder is an administrator with a key, and
there is no root user.
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

from contracts.names import arn
from localcloud.cloud.home import CloudConfig, Credentials

ADMINISTRATOR = "local-administrator"
_EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def require_signatures() -> None:
    """Makes ministack check the signature of every request.

    Connections count as secure transport (``aws:SecureTransport``): they never leave this machine,
    and the estate's policies refuse plain HTTP.
    """
    pin = app.pin_request_origin
    app.pin_request_origin = lambda address, _secure: pin(address, True)
    iam_evaluator.is_root_access_key = lambda _key: False
    iam_actions.request_tag_context = _with_namespace(iam_actions.request_tag_context)
    iam_actions.extract_resource_arn = _with_crawlers(iam_actions.extract_resource_arn)


def create_administrator(config: CloudConfig, credentials: Credentials) -> None:
    """Creates the administrator and the access key; they are stored with IAM's other state."""
    with request_scope(config.account_id, config.region):
        iam._users.setdefault(
            ADMINISTRATOR,
            {
                "UserName": ADMINISTRATOR,
                "Arn": arn("iam", f"user/{ADMINISTRATOR}", account_id=config.account_id),
                "UserId": iam._gen_id("AIDA"),
                "CreateDate": iam._now(),
                "Path": "/",
                "PermissionsBoundary": "",
                "AttachedPolicies": [],
                "Tags": [],
            },
        )
        iam._user_inline_policies[ADMINISTRATOR] = {
            "everything": json.dumps(_EVERYTHING, allow_nan=False)
        }
        iam._access_keys[credentials.access_key_id] = {
            "UserName": ADMINISTRATOR,
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "Status": "Active",
            "CreateDate": iam._now(),
        }


def _with_namespace(keys: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Adds the condition key ``cloudwatch:namespace`` to requests that publish metrics.

    Only with this key can a policy allow metrics of a single namespace. ministack does not know it
    and would refuse the requests.
    """

    def condition_keys(service: str, action: str, body: bytes, params: Any) -> dict[str, Any]:
        found = keys(service, action, body, params)
        if action == "cloudwatch:PutMetricData":
            found = {**found, "cloudwatch:namespace": namespace(body)}
        return found

    return condition_keys


def _with_crawlers(resource: Callable[..., str]) -> Callable[..., str]:
    """Corrects the ARN of crawlers, because ministack treats any name in Glue as a table."""

    def with_crawlers(service: str, method: str, path: str, headers: Any, *rest: Any) -> str:
        found = resource(service, method, path, headers, *rest)
        action = headers.get("x-amz-target", "")
        if action.startswith("AWSGlue.") and action.endswith("Crawler"):
            return found.replace(":table/", ":crawler/")
        return found

    return with_crawlers


def namespace(body: bytes) -> str | None:
    """Returns the namespace of a PutMetricData request, in JSON or form-encoded."""
    found: str | None
    if body[:1] == b"{":
        found = json.loads(body).get("Namespace")
    else:
        (found,) = parse_qs(body.decode("utf-8", "replace")).get("Namespace", [None])
    return found
