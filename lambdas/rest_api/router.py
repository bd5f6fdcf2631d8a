"""Routes events of API Gateway's Lambda proxy integration to the API's operations."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rest_api.call import Call
from rest_api.contract import Event, Operation, Request
from rest_api.log import Log
from rest_api.problems import Problem, internal_error, unknown_route

Response = dict[str, Any]
Handler = Callable[[Request, Call], dict[str, Any]]
"""Processes a valid request and returns the members of the response."""


class Router:
    """Router that finds the operation for an event, runs its handler and builds the response.

    Parameters
    ----------
    operations
        Operations of the contract.
    handlers
        One handler per operation, by the operation's id.
    log
        Log for one line with metrics per call, and one more per failure.

    Raises
    ------
    ValueError
        The contract and the handlers differ in their operations.
    """

    def __init__(
        self, operations: Sequence[Operation], handlers: Mapping[str, Handler], log: Log
    ) -> None:
        ids = {operation.operation_id for operation in operations}
        if ids != set(handlers):
            raise ValueError(
                f"expected handlers for {', '.join(sorted(ids))}; got {', '.join(sorted(handlers))}"
            )
        self._operations = {operation.route: operation for operation in operations}
        self._handlers = handlers
        self._log = log

    def answer(self, event: Event, fallback_request_id: str) -> Response:
        """Answer one event; every failure becomes a problem document."""
        context = event.get("requestContext") or {}
        call = Call(str(context.get("requestId") or fallback_request_id))
        method, resource = str(event.get("httpMethod", "")), str(event.get("resource", ""))
        operation = self._operations.get((method, resource))
        try:
            document = self._carry_out(operation, event, call)
            response = _response(200, "application/json", document, call)
        except Problem as problem:
            if problem.status >= 500:
                self._log.write(
                    "ERROR",
                    problem.detail,
                    request_id=call.request_id,
                    cause=repr(problem.__cause__ or problem),
                )
            response = _problem_response(problem, call)
        except Exception as error:
            self._log.write(
                "ERROR",
                f"{type(error).__name__}: {error}",
                request_id=call.request_id,
                trace=traceback.format_exc(),
            )
            response = _problem_response(internal_error(), call)
        status = response["statusCode"]
        metrics = {"requests": 1, "server_errors": int(status >= 500), **call.measures}
        metrics["latency"] = call.milliseconds()
        name = operation.operation_id if operation else "unknown"
        self._log.measured(name, metrics, status=status, request_id=call.request_id)
        return response

    def _carry_out(self, operation: Operation | None, event: Event, call: Call) -> dict[str, Any]:
        if operation is None:
            raise unknown_route(str(event.get("httpMethod", "?")), str(event.get("path", "?")))
        members = self._handlers[operation.operation_id](operation.request(event), call)
        return {**members, "request_id": call.request_id}


def _response(status: int, content_type: str, document: dict[str, Any], call: Call) -> Response:
    return {
        "statusCode": status,
        "headers": {
            "Content-Type": content_type,
            "Cache-Control": "no-store",
            "X-Request-Id": call.request_id,
        },
        "body": json.dumps(document, allow_nan=False),
        "isBase64Encoded": False,
    }


def _problem_response(problem: Problem, call: Call) -> Response:
    document = problem.document(call.request_id)
    response = _response(problem.status, "application/problem+json", document, call)
    if problem.retry_after is not None:
        response["headers"]["Retry-After"] = str(problem.retry_after)
    return response
