"""Refusals and failures that every API has, raised as problems of RFC 9457."""

from __future__ import annotations

from typing import Any

from contracts.apis import problems
from contracts.apis.problems import ProblemKind, problem_document

RETRY_AFTER_SECONDS = 5
"""Long enough for an endpoint to recover from a throttled moment, short enough for a person."""


class Problem(Exception):  # noqa: N818 -- RFC 9457 names it so
    """The reason why a request, or one part of it, gets no answer.

    Parameters
    ----------
    detail
        What was expected, what came and what to do, this time.
    errors
        Faults at each place of the request.
    retry_after
        Seconds after which asking again makes sense.
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
        """HTTP status."""
        return self.kind.status

    def document(self, request_id: str) -> dict[str, Any]:
        """The problem as JSON members."""
        members = problem_document(self.kind, self.detail, request_id)
        return {**members, "errors": self.errors} if self.errors else members


def invalid_request(errors: list[dict[str, str]]) -> Problem:
    """The request breaks the contract at the places named."""
    detail = "; ".join(f"{error['at']}: {error['detail']}" for error in errors)
    return Problem(problems.INVALID_REQUEST, detail, errors=errors)


def unknown_route(method: str, path: str) -> Problem:
    """The contract has no such operation."""
    return Problem(problems.UNKNOWN_ROUTE, f"the API has no {method} {path}")


def body_too_large(size: int, limit: int) -> Problem:
    """The body is larger than any valid one."""
    return Problem(problems.BODY_TOO_LARGE, f"the body may have {limit} bytes; got {size}")


def unavailable(reason: str) -> Problem:
    """Something that the answer needs cannot answer now."""
    detail = f"{reason}; ask again in {RETRY_AFTER_SECONDS} seconds"
    return Problem(problems.UNAVAILABLE, detail, retry_after=RETRY_AFTER_SECONDS)


def internal_error() -> Problem:
    """A fault of the service; the log has it under the request's id."""
    return Problem(
        problems.INTERNAL_ERROR,
        "the request could not be carried out; the service's log tells why under this request's id",
    )
