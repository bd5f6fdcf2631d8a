"""Errors of states, and the retriers and catchers that match them."""

from __future__ import annotations

from collections.abc import Sequence

TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
RUNTIME = "States.Runtime"
DATA_LIMIT = "States.DataLimitExceeded"


class StateError(Exception):
    """The error of a state, or of an execution that no catcher saved.

    Parameters
    ----------
    error
        Name, such as ``States.TaskFailed``.
    cause
        Cause; None where Step Functions gives none, as at a timeout.

    alias
        Second name by which retriers and catchers match it.

    Attributes
    ----------
    event
        Number of the last event of the branch that failed.
    """

    def __init__(self, error: str, cause: str | None = None, *, alias: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.alias = alias
        self.event = 0

    @property
    def output(self) -> dict[str, str]:
        """The error as a catcher's state receives it."""
        cause = {} if self.cause is None else {"Cause": self.cause}
        return {"Error": self.error, **cause}

    @property
    def details(self) -> dict[str, str]:
        """The error as an event of the history shows it."""
        cause = {} if self.cause is None else {"cause": self.cause}
        return {"error": self.error, **cause}


class Stopped(Exception):  # noqa: N818 - nothing failed here
    """The execution, or the branch around this state, has ended elsewhere."""


def is_matched(failure: StateError, names: Sequence[str]) -> bool:
    """Returns whether a retrier or a catcher with these ``ErrorEquals`` handles an error.

    ``States.Runtime`` always fails the execution. ``States.ALL`` matches
    ``States.DataLimitExceeded`` of a task's result, contrary to the documentation, as AWS did in
    LocalStack's recordings; a state's output that is too large is outside all catchers.
    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    if failure.error == RUNTIME:
        return False
    if failure.error in names or failure.alias in names:
        return True
    return "States.ALL" in names or ("States.TaskFailed" in names and failure.error != TIMEOUT)
