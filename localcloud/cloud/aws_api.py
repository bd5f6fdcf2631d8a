"""Serves Python methods over AWS's JSON protocol, validated against botocore's service model.

A service is an object with one method per operation, named as in boto3, that takes the request and
returns the response, both as dictionaries:

>>> class Clock:
...     def get_caller_identity(self, request: dict[str, Any]) -> dict[str, Any]:
...         return {"Account": "000000000000"}

Requests that violate the service model are refused as by AWS, and invalid responses are an internal
error, so a client generated from the same model can rely on both.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

logger = logging.getLogger(__name__)

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Response]]


class AwsError(Exception):
    """An error in AWS's shape.

    Parameters
    ----------
    code
        AWS's error code, for example ``ResourceNotFoundException``.
    message
        Message with the expected and the actual value.
    status
        HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def response(self) -> Response:
        body = json.dumps({"__type": self.code, "message": self.message}, allow_nan=False).encode()
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": self.code}
        return self.status, headers, body


def service_model(service: str) -> ServiceModel:
    """Returns botocore's model of a service by boto3's name of the service."""
    return botocore.session.get_session().get_service_model(service)


class JsonApi:
    """A ministack handler of one service that uses the JSON protocol.

    Parameters
    ----------
    service
        boto3's name of the service.
    operations
        Object with a method per supported operation, or a tuple of such objects, of which the first
        that has the method is used.
    validation_error
        Error code of this service for malformed requests.
    fallback
        Handler of all other operations; without one they are refused.
    """

    def __init__(
        self,
        service: str,
        operations: object,
        *,
        validation_error: str = "ValidationException",
        fallback: Handler | None = None,
    ) -> None:
        self._model = service_model(service)
        self._operations = operations if isinstance(operations, tuple) else (operations,)
        self._validation_error = validation_error
        self._fallback = fallback
        # Not asyncio's shared pool: Lambda functions that wait for this service could occupy every
        # thread, leaving none to serve them.
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix=f"{service}-api")

    async def __call__(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Mapping[str, Any],
    ) -> Response:
        name = _header(headers, "x-amz-target").rpartition(".")[2]
        call = self._operation(name)
        if call is None:
            if self._fallback is not None:
                return await self._fallback(method, path, headers, body, query_params)
            service = self._model.service_name
            return AwsError(
                "UnknownOperationException", f"the local cloud does not support {service}:{name}"
            ).response()
        operation = self._model.operation_model(name)
        try:
            request = self._request(operation, body)
            context = contextvars.copy_context()
            answer = await asyncio.get_running_loop().run_in_executor(
                self._threads, context.run, call, request
            )
            return self._answer(operation, answer)
        except AwsError as error:
            return error.response()
        except Exception as error:
            logger.exception("%s failed", name)
            return AwsError("InternalFailure", f"{name}: {error}", 500).response()

    def _operation(self, name: str) -> Callable[[dict[str, Any]], dict[str, Any] | None] | None:
        if name not in self._model.operation_names:
            return None
        method = xform_name(name)
        found = (getattr(family, method, None) for family in self._operations)
        return next((call for call in found if call is not None), None)

    def _request(self, operation: OperationModel, body: bytes) -> dict[str, Any]:
        try:
            request = json.loads(body or b"{}")
        except ValueError as error:
            raise AwsError("SerializationException", f"the body is not JSON: {error}") from None
        shape = operation.input_shape
        if shape is None:
            return {}
        found = violations(request, shape)
        if found:
            errors = "error" if len(found) == 1 else "errors"
            raise AwsError(
                self._validation_error,
                f"{len(found)} validation {errors} detected: {'; '.join(found)}",
            )
        parsed: dict[str, Any] = request
        return parsed

    def _answer(self, operation: OperationModel, answer: dict[str, Any] | None) -> Response:
        members = answer or {}
        shape = operation.output_shape
        if shape is not None:
            found = violations(members, shape)
            if found:
                raise RuntimeError(f"the response violates the model: {'; '.join(found)}")
        body = json.dumps(members, default=_to_json, allow_nan=False).encode()
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, body


def violations(value: Any, shape: Shape) -> list[str]:
    """Lists the ways in which ``value`` violates a shape of the service model."""
    report = ParamValidator().validate(value, shape)
    found = [report.generate_report()] if report.has_errors() else []
    return found or _constraint_violations(value, shape, "")


def _constraint_violations(value: Any, shape: Shape, where: str) -> list[str]:
    """Checks enumerations, patterns and upper bounds, which botocore does not check."""
    if value is None:
        return []
    found = _bound_violations(value, shape, where)
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if name in value:
                path = f"{where}.{_camel(name)}" if where else _camel(name)
                found += _constraint_violations(value[name], member, path)
    elif isinstance(shape, ListShape):
        for number, item in enumerate(value, start=1):
            found += _constraint_violations(item, shape.member, f"{where}.{number}.member")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            found += _constraint_violations(key, shape.key, f"{where}.key")
            found += _constraint_violations(item, shape.value, f"{where}.{key}.member")
    elif isinstance(value, str):
        allowed = getattr(shape, "enum", None)
        pattern = shape.metadata.get("pattern")
        if allowed and value not in allowed:
            found.append(_violation(value, where, f"satisfy enum value set: {sorted(allowed)}"))
        if pattern and not _matches(pattern, value):
            found.append(_violation(value, where, f"satisfy regular expression pattern: {pattern}"))
    return found


def _bound_violations(value: Any, shape: Shape, where: str) -> list[str]:
    upper = shape.metadata.get("max")
    if upper is None or shape.type_name == "blob":  # a blob is sent as base64, which is longer
        return []
    if isinstance(value, str | list | dict) and len(value) > upper:
        return [_violation(value, where, f"have length less than or equal to {upper}")]
    if isinstance(value, int | float) and value > upper:
        return [_violation(value, where, f"have value less than or equal to {upper}")]
    return []


def _violation(value: Any, where: str, constraint: str) -> str:
    """Describes a violated constraint in AWS's wording."""
    return f"Value '{value}' at '{where}' failed to satisfy constraint: Member must {constraint}"


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:  # some of AWS's patterns are valid in Java but not in Python
        return True


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
