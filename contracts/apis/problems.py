"""Kinds of problem documents (RFC 9457) that an API returns.

Functions raise some of them, and API Gateway returns others by itself. The OpenAPI documents list
them as values of ``Problem.type``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ProblemKind:
    """One kind of problem.

    Parameters
    ----------
    name
        The last part of ``type``.
    status
        HTTP status.
    title
        A description of the kind, the same for every occurrence.
    """

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """Identifier of the kind in documents."""
        return f"urn:lakecast:problem:{self.name}"


INVALID_REQUEST = ProblemKind("invalid-request", 400, "The request is not valid")
FORBIDDEN = ProblemKind("forbidden", 403, "The key is not valid")
UNKNOWN_ROUTE = ProblemKind("unknown-route", 404, "There is no such operation")
UNKNOWN_DEVICE = ProblemKind("unknown-device", 404, "The device is unknown")
NO_HISTORY = ProblemKind("no-history", 404, "There is nothing to forecast from")
MODEL_DOES_NOT_FIT = ProblemKind("model-does-not-fit", 409, "The model does not fit the series")
BODY_TOO_LARGE = ProblemKind("body-too-large", 413, "The body is too large")
TOO_MANY_REQUESTS = ProblemKind("too-many-requests", 429, "There are too many requests")
QUOTA_EXCEEDED = ProblemKind("quota-exceeded", 429, "The quota is used up")
INTERNAL_ERROR = ProblemKind("internal-error", 500, "The service failed")
UNAVAILABLE = ProblemKind("unavailable", 503, "The service cannot answer now")

KINDS = (
    INVALID_REQUEST,
    FORBIDDEN,
    UNKNOWN_ROUTE,
    UNKNOWN_DEVICE,
    NO_HISTORY,
    MODEL_DOES_NOT_FIT,
    BODY_TOO_LARGE,
    TOO_MANY_REQUESTS,
    QUOTA_EXCEEDED,
    INTERNAL_ERROR,
    UNAVAILABLE,
)


def problem_document(kind: ProblemKind, detail: str, request_id: str) -> dict[str, Any]:
    """Returns the members of the document that describes one failed request."""
    return {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": f"urn:lakecast:request:{request_id}",
    }
