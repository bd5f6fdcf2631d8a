"""Findings of checks, and the rule that one failing check never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from contracts.errors import LakecastError
from infra.preflight.account import Account

OK, ATTENTION, FAILS, DENIED = "ok", "attention", "fails", "no permission"
"""Verdicts. Without permission, nothing is known, so that is never a pass."""

_DENIED = (
    "AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException",
    "403", "Forbidden", "UnauthorizedOperation",
)  # fmt: skip
_CLOSED = ("OptInRequired", "OptInRequiredException", "SubscriptionRequiredException")


class PreflightError(LakecastError):
    """A check does not pass without which a plan would do harm."""


@dataclass(frozen=True)
class Finding:
    """Result of a check.

    Parameters
    ----------
    check
        Name of the check.
    todo
        What to do; empty if there is nothing to do.
    """

    check: str
    verdict: str
    expected: str
    found: str
    todo: str = ""

    @property
    def blocks(self) -> bool:
        """Whether the preflight must not pass."""
        return self.verdict in (FAILS, DENIED)

    def line(self, width: int) -> str:
        """Formats the finding as one line."""
        start = f"{self.verdict:<13} {self.check:<{width}}  "
        if self.verdict == OK:
            return f"{start}{self.found}"
        todo = f"; {self.todo}" if self.todo else ""
        return f"{start}expected {self.expected}; got {self.found}{todo}"


Check = Callable[[Account], Iterable[Finding]]


def run(checks: Mapping[str, Check], account: Account) -> Iterator[Finding]:
    """Runs all checks; the error of one becomes its finding."""
    for name, check in checks.items():
        try:
            yield from check(account)
        except (BotoCoreError, ClientError, LakecastError) as error:
            yield of_error(name, error, "an answer of AWS")
        except Exception as error:  # the check's own fault: it is shown, and the others still run
            found = f"{type(error).__name__}: {error}"
            yield Finding(name, FAILS, "a check without a fault", found, "report it")


def require(checks: Mapping[str, Check], account: Account) -> None:
    """Runs checks without which a plan would do harm.

    Raises
    ------
    PreflightError
        One of them does not pass; the message is its line.
    """
    for finding in run(checks, account):
        if finding.blocks:
            raise PreflightError(
                f"{finding.check}: expected {finding.expected}; got {finding.found}; {finding.todo}"
            )


def of_error(check: str, error: Exception, expected: str) -> Finding:
    """Returns the finding for an error: a missing permission, a closed service, or another one."""
    message = " ".join(str(error).split())
    if isinstance(error, EndpointConnectionError):
        return Finding(
            check, FAILS, expected, message,
            "the service is not in this region, or this machine does not reach AWS",
        )  # fmt: skip
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code in _DENIED:
        return Finding(
            check, DENIED, expected, message,
            "give the credentials this permission (docs/reference/permissions.md)",
        )  # fmt: skip
    if code in _CLOSED:
        return Finding(
            check, FAILS, expected, message, "the account cannot use the service: ask AWS Support"
        )
    return Finding(check, FAILS, expected, message)
