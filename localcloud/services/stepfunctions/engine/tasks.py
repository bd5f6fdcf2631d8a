"""Runs Task states.

https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
"""

from __future__ import annotations

import contextvars
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from localcloud.services.stepfunctions.engine import data, retries
from localcloud.services.stepfunctions.engine.errors import (
    HEARTBEAT_TIMEOUT,
    RUNTIME,
    TIMEOUT,
    StateError,
    Stopped,
)
from localcloud.services.stepfunctions.engine.scope import (
    POLL_SECONDS,
    Scope,
    as_text,
    input_details,
    output_details,
)

State = dict[str, Any]
FUNCTION = "function"
CALLBACK = "waitForTaskToken"
_OPTIMISED = re.compile(r"arn:[^:]+:states:::((?:aws-sdk:)?[a-z0-9-]+):(\w+)(?:\.(.+))?")
_FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]+:\d{12}:function:[^:]+(:[^:]+)?")


@dataclass(frozen=True)
class Resource:
    """Operation that a task calls.

    Parameters
    ----------
    arn
        The whole ``Resource``.
    service
        ``glue``, ``aws-sdk:glue`` or `FUNCTION`.
    action
        Operation, such as ``startJobRun``; the function of a `FUNCTION`.
    pattern
        ``sync``, ``sync:2``, ``waitForTaskToken`` or nothing.
    """

    arn: str
    service: str
    action: str
    pattern: str = ""

    @classmethod
    def parse(cls, arn: str) -> Resource:
        """Parses the ARN of a resource, or raises ValueError."""
        if _FUNCTION.fullmatch(arn):
            return cls(arn, FUNCTION, arn)
        found = _OPTIMISED.fullmatch(arn)
        if found is None:
            raise ValueError(f"The resource provided {arn} is not recognized.")
        return cls(arn, found[1], found[2], found[3] or "")

    @property
    def details(self) -> dict[str, str]:
        """The resource as events show it."""
        if self.service == FUNCTION:
            return {}
        pattern = f".{self.pattern}" if self.pattern else ""
        return {"resourceType": self.service, "resource": f"{self.action}{pattern}"}

    @property
    def prefix(self) -> str:
        """Prefix of the kinds of its events."""
        return "LambdaFunction" if self.service == FUNCTION else "Task"


@dataclass(frozen=True)
class Task:
    """One attempt of a task, as the services see it.

    Parameters
    ----------
    submitted
        Reports that the job of a ``.sync`` task has started, with the response that says so.
    is_over
        Returns whether nobody waits for the result any longer.
    """

    resource: Resource
    arguments: Any
    execution: dict[str, Any]
    submitted: Callable[[Any], None]
    is_over: Callable[[], bool]


def run(state: State, given: Any, scope: Scope) -> tuple[Any, str | None]:
    """Returns the output and the next state."""
    return retries.run(state, given, scope, lambda: _attempt(state, given, scope))


def _attempt(state: State, given: Any, scope: Scope) -> Any:
    resource = Resource.parse(state["Resource"])
    inbox: SimpleQueue[tuple[str, Any]] = SimpleQueue()
    token = scope.services.tokens.issue(inbox) if resource.pattern == CALLBACK else None
    if token is not None:
        scope.context["Task"] = {"Token": token}
    ended = threading.Event()
    try:
        arguments = data.arguments(state, given, scope)
        timeout = _seconds(state, "TimeoutSeconds", given, scope)
        heartbeat = _seconds(state, "HeartbeatSeconds", given, scope)
        _record_schedule(resource, arguments, timeout, heartbeat, scope)
        task = Task(
            resource,
            arguments,
            scope.execution,
            lambda result: inbox.put(("submitted", result)),
            lambda: ended.is_set() or scope.group.is_over,
        )
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=(_call, task, scope, inbox), name=resource.arn, daemon=True
        ).start()
        result = _result(resource, inbox, scope, timeout, heartbeat)
    finally:
        ended.set()
        if token is not None:
            scope.services.tokens.withdraw(token)
            scope.context.pop("Task", None)
    scope.record(f"{resource.prefix}Succeeded", {**resource.details, **output_details(result)})
    return data.output(state, given, result, scope)


def _call(task: Task, scope: Scope, inbox: SimpleQueue[tuple[str, Any]]) -> None:
    try:
        result = scope.services.call(task)
    except StateError as error:
        inbox.put(("failed", error))
    except Stopped:
        pass  # nobody waits for the result
    except Exception as error:  # whatever it is, the execution must end
        inbox.put(("failed", StateError(RUNTIME, f"{type(error).__name__}: {error}")))
    else:
        called = task.resource.pattern == CALLBACK
        inbox.put(("submitted" if called else "succeeded", result))


def _result(
    resource: Resource,
    inbox: SimpleQueue[tuple[str, Any]],
    scope: Scope,
    timeout: float | None,
    heartbeat: float | None,
) -> Any:
    """Waits for the result of a task and returns it, or raises its error."""
    deadline = None if timeout is None else time.monotonic() + timeout
    beat = None if heartbeat is None else time.monotonic() + heartbeat
    while True:
        try:
            event, value = inbox.get(timeout=POLL_SECONDS)
        except Empty:
            if scope.group.is_over:
                raise Stopped from None
            for limit, alias in ((deadline, ""), (beat, HEARTBEAT_TIMEOUT)):
                if limit is not None and time.monotonic() > limit:
                    error = StateError(TIMEOUT, alias=alias)
                    scope.record(
                        f"{resource.prefix}TimedOut", {**resource.details, **error.details}
                    )
                    raise error from None
            continue
        if event == "succeeded":
            try:
                as_text(value, resource.arn if resource.service == FUNCTION else resource.service)
            except StateError as error:
                event, value = "failed", error
            else:
                return value
        if event == "failed":
            scope.record(f"{resource.prefix}Failed", {**resource.details, **value.details})
            raise value
        if event == "submitted":
            scope.record("TaskSubmitted", {**resource.details, **output_details(value)})
        if heartbeat is not None:
            beat = time.monotonic() + heartbeat


def _record_schedule(
    resource: Resource,
    arguments: Any,
    timeout: float | None,
    heartbeat: float | None,
    scope: Scope,
) -> None:
    limits: dict[str, Any] = {} if timeout is None else {"timeoutInSeconds": int(timeout)}
    if resource.service == FUNCTION:
        details = {"resource": resource.arn, **input_details(arguments), **limits}
        scope.record("LambdaFunctionScheduled", details)
        scope.record("LambdaFunctionStarted")
        return
    if heartbeat is not None:
        limits["heartbeatInSeconds"] = int(heartbeat)
    region = scope.execution["executionArn"].split(":")[3]
    details = {**resource.details, "region": region, "parameters": as_text(arguments), **limits}
    scope.record("TaskScheduled", details)
    scope.record("TaskStarted", resource.details)


def _seconds(state: State, name: str, given: Any, scope: Scope) -> float | None:
    """Returns the value of ``TimeoutSeconds`` or ``HeartbeatSeconds``; None without a limit."""
    if f"{name}Path" in state:
        value = data.selected(f"{name}Path", state[f"{name}Path"], given, scope)
    elif name not in state:
        return None
    elif data.is_jsonata(state, scope):
        value = data.field(state, name, "number", given, scope)
    else:
        value = state[name]
    if not data.is_whole(value) or value < 1:
        raise StateError(
            RUNTIME, scope.explained(f"{name} must be a positive integer; got {value}")
        )
    return float(value)
