"""Serves Python methods over AWS's JSON protocol.

A service is an object with one method per operation, named as in boto3, that takes the request and
returns the response, both as dictionaries:

>>> class Clock:
...     def get_caller_identity(self, request: dict[str, Any]) -> dict[str, Any]:
...         return {"Account": "000000000000"}

`localcloud.server.admission` has refused requests that violate botocore's model of the service. A
response that violates it is an internal error, so a client made from the model can rely on both.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from botocore import xform_name
from botocore.model import OperationModel, Shape

from localcloud.cloud.aws_shapes import service_model, violations

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


class JsonApi:
    """A ministack handler of one service that uses the JSON protocol.

    Parameters
    ----------
    service
        boto3's name of the service.
    operations
        Object with a method per supported operation, or a tuple of such objects, of which the first
        that has the method is used.
    fallback
        Handler of all other operations; without one they are refused.
    check
        Function of operation, input shape and request that raises `AwsError` for what the service
        does not support although the model allows it.
    omitted
        Members that AWS omits from the responses of an operation although its model requires them.
    """

    def __init__(
        self,
        service: str,
        operations: object,
        *,
        fallback: Handler | None = None,
        check: Callable[[str, Shape, dict[str, Any]], None] | None = None,
        omitted: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self._model = service_model(service)
        self._operations = operations if isinstance(operations, tuple) else (operations,)
        self._fallback = fallback
        self._check = check
        self._omitted = omitted or {}
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
            request = _request(body)
            if self._check is not None and operation.input_shape is not None:
                self._check(name, operation.input_shape, request)
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

    def _answer(self, operation: OperationModel, answer: dict[str, Any] | None) -> Response:
        members = answer or {}
        shape = operation.output_shape
        if shape is not None:
            omitted = dict.fromkeys(self._omitted.get(operation.name, ()), "omitted")
            found = violations(shape, {**omitted, **members})
            if found:
                raise RuntimeError(f"the response violates the model: {'; '.join(found)}")
        body = json.dumps(members, default=_to_json, allow_nan=False).encode()
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, body


def _request(body: bytes) -> dict[str, Any]:
    try:
        request: dict[str, Any] = json.loads(body or b"{}")
    except ValueError as error:
        raise AwsError("SerializationException", f"the body is not JSON: {error}") from None
    return request


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
