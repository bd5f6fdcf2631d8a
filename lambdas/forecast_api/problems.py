"""Refusals and failures as the API tells them: problem documents of RFC 9457."""

from __future__ import annotations

from typing import Any

RETRY_AFTER_SECONDS = 5
"""Long enough for an endpoint to recover from a throttled moment, short enough for a person."""


class Problem(Exception):  # noqa: N818 -- RFC 9457 names it so
    """Why a request, or one series of it, gets no forecast.

    Parameters
    ----------
    kind
        Last part of the problem's type, ``urn:lakecast:problem:<kind>``.
    status
        HTTP status.
    title
        The kind in words, the same for every occurrence.
    detail
        What was expected, what came and what to do, this time.
    errors
        What is wrong at each place of the request.
    retry_after
        Seconds after which asking again makes sense.
    """

    def __init__(
        self,
        kind: str,
        status: int,
        title: str,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors or []
        self.retry_after = retry_after

    def document(self, request_id: str) -> dict[str, Any]:
        """The problem as JSON members."""
        members: dict[str, Any] = {
            "type": f"urn:lakecast:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:lakecast:request:{request_id}",
        }
        if self.errors:
            members["errors"] = self.errors
        return members


def invalid_request(errors: list[dict[str, str]]) -> Problem:
    """The request breaks the contract at the places named."""
    detail = "; ".join(f"{error['at']}: {error['detail']}" for error in errors)
    return Problem("invalid-request", 400, "The request is not valid", detail, errors=errors)


def origin_outside_history(detail: str) -> Problem:
    """A forecast is asked for hours at which the device has no history to start from."""
    errors = [{"at": "origin", "detail": detail}]
    return Problem("invalid-request", 400, "The request is not valid", detail, errors=errors)


def unknown_device(device_id: str) -> Problem:
    """No history lies in the lake under that id."""
    return Problem(
        "unknown-device",
        404,
        "The device is unknown",
        f"there is no history of device {device_id!r}; GET /v1/devices lists those that have one",
    )


def no_history(device_id: str, pollutant: str, origin: str) -> Problem:
    """The device is known, but not what it measured of that pollutant."""
    return Problem(
        "no-history",
        404,
        "There is nothing to forecast from",
        f"device {device_id!r} has no value of {pollutant} before {origin}",
    )


def unknown_route(method: str, path: str) -> Problem:
    """The contract has no such operation."""
    return Problem(
        "unknown-route", 404, "There is no such operation", f"the API has no {method} {path}"
    )


def body_too_large(size: int, limit: int) -> Problem:
    """The body is larger than any valid one."""
    return Problem(
        "body-too-large",
        413,
        "The body is too large",
        f"the body may have {limit} bytes; got {size}",
    )


def model_does_not_fit(reason: str) -> Problem:
    """The model was not trained for the series."""
    return Problem(
        "model-does-not-fit",
        409,
        "The model does not fit the series",
        f"the model cannot forecast the series: {reason}; train and deploy a model on data that "
        "has the device and the pollutant",
    )


def unavailable(reason: str) -> Problem:
    """Something that the answer needs cannot answer now."""
    return Problem(
        "unavailable",
        503,
        "The service cannot answer now",
        f"{reason}; ask again in {RETRY_AFTER_SECONDS} seconds",
        retry_after=RETRY_AFTER_SECONDS,
    )


def fault() -> Problem:
    """A fault of the service; what it was stands in the log under the request's id."""
    return Problem(
        "internal-error",
        500,
        "The service failed",
        "the request could not be carried out; the service's log tells why under this request's id",
    )
