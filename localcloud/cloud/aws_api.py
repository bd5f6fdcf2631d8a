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
        The object with a method for each operation that is served, or a tuple of such objects,
        of which the first that has the method serves it.
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
        self._operations = operations if isinstance(operations, tuple) else (operations,)
        self._validation_error = validation_error
        self._fallback = fallback
        # Not asyncio's shared pool: there, Lambdas that wait for this service could take up every
        # thread, and none would be left to answer them.
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
                "UnknownOperationException", f"the local cloud does not serve {service}:{name}"
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
        complaints = violations(request, shape)
        if complaints:
            errors = "error" if len(complaints) == 1 else "errors"
            raise AwsError(
                self._validation_error,
                f"{len(complaints)} validation {errors} detected: {'; '.join(complaints)}",
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
    return complaints or _constraint_violations(value, shape, "")


def _constraint_violations(value: Any, shape: Shape, where: str) -> list[str]:
    """Enumerations, patterns and upper bounds, which botocore leaves to the service."""
    if value is None:
        return []
    complaints = _bound_violations(value, shape, where)
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if name in value:
                place = f"{where}.{_camel(name)}" if where else _camel(name)
                complaints += _constraint_violations(value[name], member, place)
    elif isinstance(shape, ListShape):
        for number, item in enumerate(value, start=1):
            complaints += _constraint_violations(item, shape.member, f"{where}.{number}.member")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            complaints += _constraint_violations(key, shape.key, f"{where}.key")
            complaints += _constraint_violations(item, shape.value, f"{where}.{key}.member")
    elif isinstance(value, str):
        allowed = getattr(shape, "enum", None)
        pattern = shape.metadata.get("pattern")
        if allowed and value not in allowed:
            complaints.append(_refused(value, where, f"satisfy enum value set: {sorted(allowed)}"))
        if pattern and not _matches(pattern, value):
            complaints.append(
                _refused(value, where, f"satisfy regular expression pattern: {pattern}")
            )
    return complaints


def _bound_violations(value: Any, shape: Shape, where: str) -> list[str]:
    upper = shape.metadata.get("max")
    if upper is None or shape.type_name == "blob":  # a blob comes as base64, which is longer
        return []
    if isinstance(value, str | list | dict) and len(value) > upper:
        return [_refused(value, where, f"have length less than or equal to {upper}")]
    if isinstance(value, int | float) and value > upper:
        return [_refused(value, where, f"have value less than or equal to {upper}")]
    return []


def _refused(value: Any, where: str, demand: str) -> str:
    """AWS's wording of a constraint that a request broke."""
    return f"Value '{value}' at '{where}' failed to satisfy constraint: Member must {demand}"


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


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
