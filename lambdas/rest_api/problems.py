"""Refusals and failures common to all APIs, raised as problems of RFC 9457."""

from __future__ import annotations

from typing import Any

from contracts.apis import problems
from contracts.apis.problems import ProblemKind, problem_document

RETRY_AFTER_SECONDS = 5
"""Long enough for an endpoint to recover from throttling, short enough for a person to wait."""


class Problem(Exception):  # noqa: N818 -- RFC 9457 names it so
    """The reason why a request, or one part of it, cannot be fulfilled.

    Parameters
    ----------
    detail
        The expected and the actual value, and what to do.
    errors
        Faults by their place in the request.
    retry_after
        Seconds after which a retry makes sense.
    """

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = errors or []
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return self.kind.status

    def document(self, request_id: str) -> dict[str, Any]:
        """Return the problem as JSON members."""
        members = problem_document(self.kind, self.detail, request_id)
        return {**members, "errors": self.errors} if self.errors else members


def invalid_request(errors: list[dict[str, str]]) -> Problem:
    """Build the problem of a request that violates the contract at the named places."""
    detail = "; ".join(f"{error['at']}: {error['detail']}" for error in errors)
    return Problem(problems.INVALID_REQUEST, detail, errors=errors)


def unknown_route(method: str, path: str) -> Problem:
    """Build the problem of an operation that the contract does not have."""
    return Problem(problems.UNKNOWN_ROUTE, f"the API has no {method} {path}")


def body_too_large(size: int, limit: int) -> Problem:
    """Build the problem of a body that is larger than any valid one."""
    return Problem(problems.BODY_TOO_LARGE, f"the body may have at most {limit} bytes; got {size}")


def unavailable(reason: str) -> Problem:
    """Build the problem of a dependency that is currently not available."""
    detail = f"{reason}; retry in {RETRY_AFTER_SECONDS} seconds"
    return Problem(problems.UNAVAILABLE, detail, retry_after=RETRY_AFTER_SECONDS)


def internal_error() -> Problem:
    """Build the problem of a fault in the service, which the log has under the request's id."""
    return Problem(
        problems.INTERNAL_ERROR,
        "the request failed; the service's log has the reason under this request's id",
    )
