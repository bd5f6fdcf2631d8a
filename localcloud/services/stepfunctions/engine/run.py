"""Runs an execution from its start, or from the state that a redrive resumes, to its end."""

from __future__ import annotations

import contextvars
import copy
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions

from localcloud.services.stepfunctions.engine.errors import RUNTIME, StateError, Stopped
from localcloud.services.stepfunctions.engine.scope import (
    Group,
    Record,
    Scope,
    Services,
    add_event,
    as_text,
    now,
    output_details,
)
from localcloud.services.stepfunctions.engine.states import run_states

logger = logging.getLogger(__name__)

RUNNING = "RUNNING"
_EVENTS = {
    "SUCCEEDED": "ExecutionSucceeded",
    "FAILED": "ExecutionFailed",
    "TIMED_OUT": "ExecutionTimedOut",
    "ABORTED": "ExecutionAborted",
}


class Run:
    """One run of an execution.

    Parameters
    ----------
    execution
        Its record, with the definition, the role and the input with which it was started.
    after
        Number of the event that the first state follows.
    """

    def __init__(self, execution: Record, services: Services, after: int = 0) -> None:
        self._execution = execution
        self._definition: Record = json.loads(execution["definition"])
        self._group = Group()
        self._lock = threading.Lock()
        self._scope = Scope(
            execution,
            services,
            self._group,
            self._definition.get("QueryLanguage", "JSONPath"),
            _context(execution),
            event=after,
        )
        self._timer: threading.Timer | None = None

    def start(self) -> None:
        """Starts the run in the background, and the clock of the machine's ``TimeoutSeconds``."""
        stepfunctions._emit_execution_status_event(self._execution)
        if "TimeoutSeconds" in self._definition:
            seconds = self._definition["TimeoutSeconds"] * stepfunctions._SFN_WAIT_SCALE
            timeout = _in_context(lambda: self.end("TIMED_OUT"))
            self._timer = threading.Timer(seconds, timeout)
            self._timer.daemon = True
            self._timer.start()
        name = self._execution["name"]
        threading.Thread(target=_in_context(self._run), name=name, daemon=True).start()

    def end(self, status: str, error: StateError | None = None, output: str | None = None) -> bool:
        """Ends the execution, unless it has ended, and returns whether it did."""
        with self._lock:
            if self._group.ended.is_set():
                return False
            self._group.ended.set()
            if self._timer is not None:
                self._timer.cancel()
            finish(self._execution, status, self._scope.event, error, output)
        return True

    def _run(self) -> None:
        execution, resumed = self._execution, self._execution.get("resume") or {}
        self._scope.variables = copy.deepcopy(resumed.get("variables", {}))
        given = resumed["input"] if resumed else json.loads(execution["input"])
        try:
            output = run_states(
                self._definition,
                given,
                self._scope,
                start=resumed.get("state", ""),
                entered=self._remember,
            )
            self.end("SUCCEEDED", output=as_text(output))
        except Stopped:
            return
        except StateError as error:
            self.end("FAILED", error)
        except Exception as error:  # the execution must end
            logger.exception("%s failed", execution["executionArn"])
            self.end("FAILED", StateError(RUNTIME, f"{type(error).__name__}: {error}"))

    def _remember(self, name: str, given: Any, scope: Scope) -> None:
        """Keeps the state that a redrive starts from."""
        self._execution["resume"] = {
            "state": name,
            "input": given,
            "variables": copy.deepcopy(scope.variables),
        }


def finish(
    execution: Record,
    status: str,
    after: int,
    error: StateError | None = None,
    output: str | None = None,
) -> None:
    """Records the end of an execution and reports it to EventBridge."""
    details: Record = dict(error.details) if error is not None else {}
    if output is not None:
        details = output_details(json.loads(output))
        execution["output"] = output
    execution.update(status=status, stopDate=now())
    if error is not None:
        execution.update(error=error.error or None, cause=error.cause)
    # an execution that is ended from outside has no event that led to its end
    previous = 0 if status in ("ABORTED", "TIMED_OUT") else after
    add_event(execution, _EVENTS[status], previous, {k: v for k, v in details.items() if v})
    stepfunctions._emit_execution_status_event(execution)


def _context(execution: Record) -> Record:
    """Returns the context object.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
    """
    machine = execution["stateMachineArn"]
    redriven = execution.get("redriveCount", 0)
    return {
        "Execution": {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "RoleArn": execution["roleArn"],
            "StartTime": execution["startDate"],
            "RedriveCount": redriven,
            **({"RedriveTime": execution["redriveDate"]} if redriven else {}),
        },
        "StateMachine": {"Id": machine, "Name": machine.split(":")[6]},
    }


def _in_context(work: Callable[[], Any]) -> Callable[[], Any]:
    """Returns work that runs in a thread with this request's account and region."""
    context = contextvars.copy_context()
    return lambda: context.run(work)
