"""Corrects what ministack's REST APIs answer where AWS's answer otherwise.

Each correction says what happens without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from jsonschema import Draft4Validator, ValidationError
from ministack import app
from ministack.services import apigateway_v1

Answer = tuple[int, dict[str, str], bytes]
Enforce = Callable[..., Answer | None]

VALIDATION_ERRORS = "$context.error.validationErrorString"


def install() -> None:
    """Installs the corrections in ministack."""
    app._enforce_execute_api = _finding_the_method_first(app._enforce_execute_api)
    apigateway_v1._check_request_validation = _keeping_the_faults(
        apigateway_v1._check_request_validation
    )
    apigateway_v1._gateway_error_response = _with_the_faults(apigateway_v1._gateway_error_response)


def _finding_the_method_first(enforce: Enforce) -> Enforce:
    """Lets an unsigned request to an unknown path pass to the API, which has an answer for it.

    ministack refuses it with 403 before. AWS looks for the method first; without one, it answers
    with the gateway response ``MISSING_AUTHENTICATION_TOKEN`` of the API:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
    """

    def enforce_execute_api(  # noqa: PLR0917 - ministack's signature
        api_id: str,
        stage: str,
        method: str,
        path: str,
        headers: dict[str, str],
        query: dict[str, Any],
        *more: Any,
        **named: Any,
    ) -> Answer | None:
        is_signed = "authorization" in headers or "X-Amz-Signature" in query
        is_known = apigateway_v1.method_authorization_type(api_id, stage, method, path)
        if not is_signed and not is_known and stage in apigateway_v1.stages_for_api(api_id):
            return None
        return enforce(api_id, stage, method, path, headers, query, *more, **named)

    return enforce_execute_api


def _keeping_the_faults(check: Callable[..., Any]) -> Callable[..., Any]:
    """Adds to a refused body's error what is wrong with it; ministack only says that it is."""

    def check_request_validation(  # noqa: PLR0917 - ministack's signature
        method: dict[str, Any],
        api_id: str,
        request: dict[str, Any],
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
    ) -> Any:
        error = check(method, api_id, request, headers, body, query)
        if error is not None and error.response_type == "BAD_REQUEST_BODY":
            models = method.get("requestModels") or {}
            schema = apigateway_v1._model_schema(api_id, models.get("application/json"))
            error.faults = f"[{', '.join(faults(schema, body))}]"
        return error

    return check_request_validation


def _with_the_faults(respond: Callable[..., Answer]) -> Callable[..., Answer]:
    """Fills `VALIDATION_ERRORS` into a gateway response; ministack does not know the variable.

    AWS escapes the text for a JSON string, and adds no quotation marks around it.
    """

    def gateway_error_response(error: Any, request: dict[str, Any]) -> Answer:
        status, headers, body = respond(error, request)
        text = json.dumps(getattr(error, "faults", ""), allow_nan=False)[1:-1]
        return status, headers, body.replace(VALIDATION_ERRORS.encode(), text.encode())

    return gateway_error_response


def faults(schema: dict[str, Any] | None, body: bytes) -> Iterator[str]:
    """Yields the faults of a body in the words of the validator that API Gateway uses.

    https://github.com/java-json-tools/json-schema-validator
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        yield "the body is not JSON"
        return
    for error in Draft4Validator(schema or {}).iter_errors(value):
        yield _fault(error)


def _fault(error: ValidationError) -> str:
    value: Any = error.instance
    expected: Any = error.validator_value
    shown = json.dumps(value, allow_nan=False) if isinstance(value, str) else value
    match error.validator:
        case "type":
            allowed = _list([expected] if isinstance(expected, str) else expected)
            return (
                f"instance type ({_type(value)}) does not match any allowed primitive type "
                f"(allowed: {allowed})"
            )
        case "required":
            absent = _list(sorted(name for name in expected if name not in value))
            return f"object has missing required properties ({absent})"
        case "enum":
            return (
                f"instance value ({shown}) not found in enum (possible values: {_list(expected)})"
            )
        case "pattern":
            regex = json.dumps(expected, allow_nan=False)
            return f"ECMA 262 regex {regex} does not match input string {shown}"
        case "minLength":
            return (
                f"string {shown} is too short (length: {len(value)}, required minimum: {expected})"
            )
        case "maxLength":
            return f"string {shown} is too long (length: {len(value)}, maximum allowed: {expected})"
        case "minItems":
            return (
                f"array is too short: must have at least {expected} elements but instance has "
                f"{len(value)} elements"
            )
        case "maxItems":
            return (
                f"array is too long: must have at most {expected} elements but instance has "
                f"{len(value)} elements"
            )
        case "minimum":
            return (
                "numeric instance is lower than the required minimum "
                f"(minimum: {expected}, found: {value})"
            )
        case "maximum":
            return (
                "numeric instance is greater than the required maximum "
                f"(maximum: {expected}, found: {value})"
            )
        case "uniqueItems":
            return "array must not contain duplicate elements"
    return error.message


def _list(values: list[Any]) -> str:
    return json.dumps(values, separators=(",", ":"), allow_nan=False)


def _type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return "null" if value is None else names.get(type(value), "object")
