"""Refuses requests that AWS would refuse: those that violate botocore's model of the operation.

boto3 checks less than AWS does, and ministack checks little, so a request that only works here
would not be noticed. Requests are validated at the entry of every service, after the check of the
signature and the permission, whoever sends them: boto3, Terraform, a state machine.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any
from xml.sax.saxutils import escape

from localcloud.cloud.aws_api import AwsError, Handler, Response
from localcloud.cloud.aws_shapes import request_violations, service_model
from localcloud.cloud.java_patterns import PatternError
from localcloud.server.wire.calls import Call, call_of
from localcloud.server.wire.values import UNREAD, HttpRequest

logger = logging.getLogger(__name__)

MODELS: dict[str, tuple[str, ...]] = {
    "apigateway": ("apigateway",),
    "athena": ("athena",),
    "budgets": ("budgets",),
    "ce": ("ce",),
    "dynamodb": ("dynamodb",),
    "ecr": ("ecr",),
    "events": ("events",),
    "firehose": ("firehose",),
    "glue": ("glue",),
    "iam": ("iam",),
    "iot": ("iot",),
    "iot-data": ("iot-data",),
    "kms": ("kms",),
    "lambda": ("lambda",),
    "logs": ("logs",),
    "monitoring": ("cloudwatch",),
    "s3": ("s3",),
    "sagemaker": ("sagemaker", "sagemaker-runtime"),
    "servicequotas": ("service-quotas",),
    "sns": ("sns",),
    "sqs": ("sqs",),
    "states": ("stepfunctions",),
    "sts": ("sts",),
}
"""botocore's models by ministack's name of the service: the services that Lakecast uses."""

CODES = {
    "glue": "InvalidInputException",
    "iot": "InvalidRequestException",
    "iot-data": "InvalidRequestException",
    "sns": "InvalidParameter",
}
"""Error codes of services other than ValidationException (JSON) and ValidationError (XML)."""

ACCEPTED: dict[tuple[str, str, str], str] = {}
"""Reasons, with a source, for which a violation is accepted as by the service: by service,
operation and a pattern of the violation. None is known."""


def install(handlers: MutableMapping[str, Handler]) -> None:
    """Puts the validation in front of the handlers of the services in `MODELS`."""
    for name, services in MODELS.items():
        handlers[name] = validated(services, handlers[name])


def validated(services: tuple[str, ...], handler: Handler) -> Handler:
    """Returns a handler that refuses what AWS would refuse, in front of another."""

    async def handle(
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Mapping[str, Any],
    ) -> Response:
        lower = {name.lower(): value for name, value in headers.items()}
        refused = refusal(services, HttpRequest(method, path, lower, body, query_params))
        if refused is not None:
            return refused
        return await handler(method, path, headers, body, query_params)

    return handle


def refusal(services: tuple[str, ...], request: HttpRequest) -> Response | None:
    """Returns AWS's answer to a request that it would refuse, else None.

    A request that calls none of the services' operations is left to the service.
    """
    if "cbor" in request.headers.get("content-type", ""):
        return _malformed(services[0], "the local cloud does not read CBOR; send JSON or a form")
    try:
        call = call_of(services, request)
    except (ValueError, RecursionError) as error:
        return _malformed(services[0], f"the body is not what its protocol requires: {error}")
    if call is None:
        return None
    found = faults(call)
    if not found:
        return None
    errors = "error" if len(found) == 1 else "errors"
    message = f"{len(found)} validation {errors} detected: {'; '.join(found)}"
    logger.warning("refused %s:%s: %s", call.service, call.operation, message)
    return _response(call, message)


def faults(call: Call) -> list[str]:
    """Returns the violations of a call that AWS would not accept."""
    try:
        found = request_violations(
            call.service, call.operation, call.members, lambda value: value is UNREAD
        )
    except PatternError as error:
        logger.warning("%s:%s is not validated: %s", call.service, call.operation, error)
        return []
    accepted = [
        pattern
        for service, operation, pattern in ACCEPTED
        if (service, operation) == (call.service, call.operation)
    ]
    return [one for one in found if not any(re.search(pattern, one) for pattern in accepted)]


def _malformed(service: str, message: str) -> Response:
    protocol: str = service_model(service).metadata["protocol"]
    code = "MalformedXML" if protocol == "rest-xml" else "SerializationException"
    return _error(protocol, code, message)


def _response(call: Call, message: str) -> Response:
    is_xml = call.protocol in ("query", "rest-xml")
    code = CODES.get(call.service, "ValidationError" if is_xml else "ValidationException")
    return _error(call.protocol, code, message)


def _error(protocol: str, code: str, message: str) -> Response:
    if protocol not in ("query", "rest-xml"):
        return AwsError(code, message).response()
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if protocol == "query":
        body = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
    else:
        body = f"<Error>{error}</Error>"
    return 400, {"Content-Type": "text/xml"}, body.encode()
