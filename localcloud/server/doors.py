"""Closes what ministack serves without checking a signature.

ministack has paths of its own that show messages, code of functions and more to anyone who asks,
such as a web page in the user's browser, and it accepts a signature for any service and region.
What stays open is a list; a path that a later version of ministack adds is closed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.session
from ministack import app
from ministack.core.iam_evaluator import AuthError
from ministack.core.router import detect_service

from localcloud.cloud.aws_shapes import service_model
from localcloud.server.admission import MODELS

OPEN_PATHS = ("/_ministack/health", "/_ministack/ready", "/_ministack/iot/ca.pem")
"""Paths that anyone may read: they show no data of the account."""

API_PATHS = re.compile(r"/_aws/execute-api/|/restapis/[^/]+/[^/]+/_user_request_(/|$)")
"""Addresses of deployed APIs, which check their callers themselves."""

HANDLERS = frozenset(
    {
        "_handle_execute_api_request",
        "_handle_health_request",
        "_handle_iot_ca_request",
        "_handle_options_request",  # the CORS preflight of a bucket
        "_handle_pre_body_request",
        "_handle_ready_request",
        "_handle_s3_control_request",
        "_handle_s3_vhost_request",
        "_handle_special_data_plane_request",
    }
)
"""ministack's special handlers that stay: they check a signature, or serve `OPEN_PATHS`."""

GLOBAL_SERVICES = frozenset(
    {"budgets", "ce", "cloudfront", "iam", "organizations", "route53", "sts"}
)
"""Services whose requests may be signed for us-east-1, where AWS serves them."""
GLOBAL_REGION = "us-east-1"

_HANDLER = re.compile(r"_handle_(?!lifespan)\w+")
_SCOPE = re.compile(r"[^/]+/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


def is_closed(path: str, method: str) -> bool:
    """Whether a path is ministack's own, and not one that anyone may read."""
    if path in OPEN_PATHS:
        return method not in ("GET", "HEAD")
    return path.startswith("/_") and not API_PATHS.match(path)


def install(region: str) -> None:
    """Closes ministack's handlers except `HANDLERS`, and checks the scope of signatures.

    Parameters
    ----------
    region
        The only region of the cloud.
    """
    for name, handler in list(vars(app).items()):
        if _HANDLER.fullmatch(name) and name not in HANDLERS:
            setattr(app, name, _closed_async if inspect.iscoroutinefunction(handler) else _closed)
    app._HEALTH_PATHS = tuple(path for path in app._HEALTH_PATHS if path in OPEN_PATHS)
    app._AOSS_COLLECTION_HOST_RE = re.compile(r"(?!)")  # a door that is not in a function
    app._dispatch_service_request = _with_correct_scope(app._dispatch_service_request, region)


def _closed(*_args: Any, **_named: Any) -> None:
    """Handles no request; ministack then asks its next handler."""


async def _closed_async(*_args: Any, **_named: Any) -> None:
    """Handles no request."""


def _with_correct_scope(dispatch: Callable[..., Any], region: str) -> Callable[..., Any]:
    async def dispatch_service_request(  # noqa: PLR0917 - ministack's signature
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, list[str]],
        request_id: str,
    ) -> Any:
        parameters = app._routing_params(method, path, headers, body, query_params)
        service = detect_service(method, path, headers, parameters)
        reason = scope_fault(service, credential(headers, query_params), region)
        if reason:
            error = AuthError("SignatureDoesNotMatch", reason)
            return app._credential_failure(service, "", request_id, error, headers)
        return await dispatch(method, path, headers, body, query_params, request_id)

    return dispatch_service_request


def credential(headers: dict[str, str], query: dict[str, list[str]]) -> str:
    """Returns the credential of a signature in the headers or the query string, or ""."""
    found = re.search(r"Credential=([^,\s]+)", headers.get("authorization", ""))
    return found[1] if found else query.get("X-Amz-Credential", [""])[0]


def scope_fault(service: str, credential: str, region: str) -> str | None:
    """Returns why AWS refuses the scope of a credential, or None.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html

    Parameters
    ----------
    service
        ministack's name of the service that serves the request.
    credential
        ``KEY/DATE/REGION/SERVICE/aws4_request``; other forms are left to the check of signatures.
    region
        Region of the cloud.
    """
    scope = _SCOPE.fullmatch(credential)
    if scope is None:
        return None
    names = signing_names(service)
    if names and scope["service"] not in names:
        return f"Credential should be scoped to correct service: '{names[0]}'. "
    regions = (region, GLOBAL_REGION) if service in GLOBAL_SERVICES else (region,)
    if scope["region"] not in regions:
        return f"Credential should be scoped to a valid region, not '{scope['region']}'. "
    return None


@cache
def signing_names(service: str) -> tuple[str, ...]:
    """Returns the names of a service in signatures; empty if botocore does not know the service."""
    known = set(botocore.session.get_session().get_available_services())
    models = [name for name in MODELS.get(service, (service,)) if name in known]
    return tuple(dict.fromkeys(service_model(name).signing_name for name in models))
