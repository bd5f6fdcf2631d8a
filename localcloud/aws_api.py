"""AWS's JSON protocol in front of plain Python methods, held to botocore's service model.

A service is an object with one method an operation, named as boto3 names it, that takes the
request's parameters and returns the response's members, both as dictionaries:

>>> class Clock:
...     def get_caller_identity(self, request: dict[str, Any]) -> dict[str, Any]:
...         return {"Account": "000000000000"}

Requests that break the service model are refused as AWS refuses them, and so are answers, so a
client generated from the same model can rely on both.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
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
        AWS's name of the error, for example ``ResourceNotFoundException``.
    message
        What was expected and what came.
    status
        HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def response(self) -> Response:
        body = json.dumps({"__type": self.code, "message": self.message}).encode()
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": self.code}
        return self.status, headers, body


def service_model(service: str) -> ServiceModel:
    """Botocore's model of a service, by boto3's name of it."""
    return botocore.session.get_session().get_service_model(service)


class JsonApi:
    """A ministack handler that serves operations of one JSON-protocol service.

    Parameters
    ----------
    service
        Boto3's name of the service.
    operations
        The object with a method for each operation that is served.
    validation_error
        The code with which this service refuses malformed requests.
    fallback
        Handler of the operations that `operations` lacks; without one they are refused by name.
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
        self._operations = operations
        self._validation_error = validation_error
        self._fallback = fallback

    async def __call__(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Mapping[str, Any],
    ) -> Response:
        name = _header(headers, "x-amz-target").rpartition(".")[2]
        call = getattr(self._operations, xform_name(name), None) if name else None
        if call is None:
            if self._fallback is not None:
                return await self._fallback(method, path, headers, body, query_params)
            service = self._model.service_name
            return AwsError(
                "UnknownOperationException", f"the laptop cloud does not serve {service}:{name}"
            ).response()
        operation = self._model.operation_model(name)
        try:
            request = self._request(operation, body)
            answer = await asyncio.to_thread(call, request)
            return self._answer(operation, answer)
        except AwsError as error:
            return error.response()
        except Exception as error:
            logger.exception("%s failed", name)
            return AwsError("InternalFailure", f"{name}: {error}", 500).response()

    def _request(self, operation: OperationModel, body: bytes) -> dict[str, Any]:
        try:
            request = json.loads(body or b"{}")
        except ValueError as error:
            raise AwsError("SerializationException", f"the body is not JSON: {error}") from None
        shape = operation.input_shape
        if shape is None:
            return {}
        complaints = violations(request, shape)
        if complaints:
            raise AwsError(
                self._validation_error,
                f"{len(complaints)} validation error(s) detected: {'; '.join(complaints)}",
            )
        parsed: dict[str, Any] = request
        return parsed

    def _answer(self, operation: OperationModel, answer: dict[str, Any] | None) -> Response:
        members = answer or {}
        shape = operation.output_shape
        if shape is not None:
            complaints = violations(members, shape)
            if complaints:
                raise RuntimeError(f"the answer breaks the model: {'; '.join(complaints)}")
        body = json.dumps(members, default=_to_json).encode()
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, body


def violations(value: Any, shape: Shape) -> list[str]:
    """What in ``value`` breaks a shape of the service model; empty where nothing does."""
    report = ParamValidator().validate(value, shape)
    complaints = [report.generate_report()] if report.has_errors() else []
    return complaints or _constraint_violations(value, shape, shape.name)


def _constraint_violations(value: Any, shape: Shape, where: str) -> list[str]:
    """Enumerations and patterns, which botocore's own validator leaves to the service."""
    if value is None:
        return []
    if isinstance(shape, StructureShape):
        return [
            complaint
            for name, member in shape.members.items()
            if name in value
            for complaint in _constraint_violations(value[name], member, f"{where}.{name}")
        ]
    if isinstance(shape, ListShape):
        return [
            complaint
            for number, item in enumerate(value)
            for complaint in _constraint_violations(item, shape.member, f"{where}[{number}]")
        ]
    if isinstance(shape, MapShape):
        return [
            complaint
            for key, item in value.items()
            for complaint in _constraint_violations(item, shape.value, f"{where}[{key}]")
        ]
    if not isinstance(value, str):
        return []
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        return [f"{where} must be one of {', '.join(allowed)}; got {value!r}"]
    pattern = shape.metadata.get("pattern")
    if pattern and not _matches(pattern, value):
        return [f"{where} must match {pattern}; got {value!r}"]
    return []


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:  # some of AWS's patterns are Java's, not Python's
        return True


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
