"""The place of a state in an execution: its branch, variables, context object and last event."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from ministack.services import stepfunctions

from localcloud.services.stepfunctions.engine.errors import DATA_LIMIT, StateError, Stopped
from localcloud.services.stepfunctions.engine.tokens import Tokens

PAYLOAD_BYTES = 256 * 1024
"""Limit of a state's input and output.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""
POLL_SECONDS = 0.2

Record = dict[str, Any]
_history = threading.Lock()


class Services(Protocol):
    """The services that tasks call; see ``integrations``."""

    @property
    def tokens(self) -> Tokens:
        """Tokens of the tasks that wait for a callback."""
        ...

    def call(self, task: Any) -> Any:
        """Calls a service and returns the task's result."""
        ...


@dataclass
class Group:
    """Branches that end together: an execution, or one attempt of a Parallel or Map state.

    Parameters
    ----------
    event
        Number of the event that ended it.
    """

    around: Group | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    event: int = 0

    @property
    def is_over(self) -> bool:
        return self.ended.is_set() or (self.around is not None and self.around.is_over)

    @property
    def is_execution_over(self) -> bool:
        return self.ended.is_set() if self.around is None else self.around.is_execution_over


@dataclass
class Scope:
    """One branch of an execution.

    Parameters
    ----------
    language
        Query language of states that name none.
    context
        Context object, ``$$`` in JSONPath and ``$states.context`` in JSONata.
    variables
        Variables, which states of inner branches read and do not change.
    event, entered
        Numbers of the branch's last event, and of the event that entered its state.
    """

    execution: Record
    services: Services
    group: Group
    language: str
    context: Record
    variables: Record = field(default_factory=dict)
    event: int = 0
    entered: int = 0

    def inner(self, group: Group, **context: Any) -> Scope:
        """Returns the scope of a branch inside this one."""
        return Scope(
            self.execution,
            self.services,
            group,
            self.language,
            {**self.context, **context},
            dict(self.variables),
            self.event,
        )

    def record(self, kind: str, details: Record | None = None, *, advances: bool = True) -> int:
        """Adds an event to the history.

        Parameters
        ----------
        advances
            Whether the branch's next event follows this one. The events of the success of a
            Parallel state, a Map state or an iteration are siblings of the next event.

        Raises
        ------
        Stopped
            The branch has been ended from outside.
        """
        if self.group.is_over:
            raise Stopped
        number = add_event(self.execution, kind, self.event, details)
        if advances:
            self.event = number
        return number

    def abort(self, kind: str, details: Record | None = None) -> None:
        """Adds the event of a state that ends because another branch has failed.

        An execution that ends as a whole has no such events.
        """
        if self.group.is_execution_over:
            return
        group = self.group
        while not group.ended.is_set() and group.around is not None:
            group = group.around
        add_event(self.execution, kind, group.event, details)

    def sleep(self, seconds: float) -> None:
        """Waits, or raises Stopped as soon as the branch is ended from outside."""
        until = time.monotonic() + seconds * stepfunctions._SFN_WAIT_SCALE
        while (left := until - time.monotonic()) > 0:
            self.group.ended.wait(min(left, POLL_SECONDS))
            if self.group.is_over:
                raise Stopped

    def explained(self, cause: str) -> str:
        """Returns the cause of an error of Step Functions itself, with the state's name."""
        name = self.context["State"]["Name"]
        return (
            f"An error occurred while executing the state '{name}' (entered at the event id "
            f"#{self.entered}). {cause}"
        )


def add_event(execution: Record, kind: str, previous: int, details: Record | None) -> int:
    """Adds an event with its details, under the member that belongs to its kind."""
    with _history:
        number = len(execution["events"]) + 1
        event: Record = {
            "id": number,
            "type": kind,
            "timestamp": now(),
            "previousEventId": previous,
        }
        if details is not None:
            event[details_member(kind)] = details
        execution["events"].append(event)
    return number


def details_member(kind: str) -> str:
    """Returns the member of an event with its details, such as ``taskFailedEventDetails``."""
    for ending in ("StateEntered", "StateExited"):
        if kind.endswith(ending):
            kind = ending
    return f"{kind[0].lower()}{kind[1:]}EventDetails"


def now() -> str:
    """Returns the time in the form of the context object."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_text(value: Any, what: str = "") -> str:
    """Returns JSON text, or raises ``States.DataLimitExceeded`` if it is too long.

    Parameters
    ----------
    what
        State or task whose result it is, for the message.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) > PAYLOAD_BYTES:
        raise StateError(
            DATA_LIMIT,
            f"The state/task '{what}' returned a result with a size exceeding the maximum number "
            "of bytes service limit.",
        )
    return text


def input_details(value: Any) -> Record:
    """Returns the members of an event that hold an input."""
    return {"input": as_text(value), "inputDetails": {"truncated": False}}


def output_details(value: Any) -> Record:
    """Returns the members of an event that hold an output."""
    return {"output": as_text(value), "outputDetails": {"truncated": False}}
