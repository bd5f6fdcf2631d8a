"""Retries states and catches their errors.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from localcloud.services.stepfunctions import expressions
from localcloud.services.stepfunctions.engine import data
from localcloud.services.stepfunctions.engine.errors import StateError, is_matched
from localcloud.services.stepfunctions.engine.scope import Scope

State = dict[str, Any]


def run(
    state: State, given: Any, scope: Scope, attempt: Callable[[], Any]
) -> tuple[Any, str | None]:
    """Returns the output and the next state of a state with ``Retry`` and ``Catch``.

    Parameters
    ----------
    attempt
        Does the state's work once and returns its output.
    """
    retries: Counter[int] = Counter()
    while True:
        scope.context["State"] = {**scope.context["State"], "RetryCount": retries.total()}
        try:
            return attempt(), state.get("Next")
        except StateError as error:
            record_failed_evaluation(error, scope)
            number = _matching(state.get("Retry", []), error)
            if number is not None:
                retrier = state["Retry"][number]
                if retries[number] < retrier.get("MaxAttempts", 3):
                    scope.sleep(delay(retrier, retries[number]))
                    retries[number] += 1
                    continue
            number = _matching(state.get("Catch", []), error)
            if number is None:
                raise
            return data.caught(state["Catch"][number], state, given, error, scope)


def delay(retrier: State, retried: int) -> float:
    """Returns the seconds before the next attempt.

    Parameters
    ----------
    retried
        Number of retries so far.
    """
    seconds = float(retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** retried)
    seconds = min(seconds, float(retrier.get("MaxDelaySeconds", seconds)))
    if retrier.get("JitterStrategy") == "FULL":
        return random.uniform(0, seconds)  # noqa: S311
    return seconds


def record_failed_evaluation(error: StateError, scope: Scope) -> None:
    """Adds the event of an expression that failed."""
    if error.error == expressions.ERROR:
        state = scope.context["State"]["Name"]
        scope.record("EvaluationFailed", {**error.details, "state": state})


def _matching(handlers: list[State], error: StateError) -> int | None:
    """Returns the number of the first retrier or catcher that matches an error."""
    for number, handler in enumerate(handlers):
        if is_matched(error, handler["ErrorEquals"]):
            return number
    return None
