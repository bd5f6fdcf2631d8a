"""The failure path of an execution: find the cause, release the lock, publish a message, end."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.names import Names
from infra.modules.core.policy import Statement, use_of_data_key
from infra.modules.machines import lock
from infra.modules.machines.states_language import (
    FAILURE,
    Call,
    State,
    assignment,
    expression,
    fail,
    task,
)


def failure(
    names: Names,
    *,
    subject: str,
    message: Sequence[str],
    error: str,
    cause: str,
    unlock: str | None = None,
) -> dict[str, State]:
    """Returns the states from `FAILURE` on.

    Parameters
    ----------
    subject, message
        JSONata of the subject, and of each line of the message; it may read ``$step``, ``$log``
        and ``$why``.
    error, cause
        Error name of the execution, and JSONata of its cause.
    unlock
        Name of the lock that the execution holds.
    """
    reported = {
        "Publish failure": task(
            "Publish failure",
            publish(names, subject, message),
            then="Failed",
            catch={"States.ALL": "Failed"},
        ),
        "Failed": fail(error, expression(cause)),
    }
    explained = {"why": expression(reason("$cause", "$error"))}
    if unlock is None:
        return {FAILURE: assignment("Publish failure", explained), **reported}
    return {
        FAILURE: assignment("Unlock after failure", explained),
        "Unlock after failure": lock.release(
            names, unlock, then="Publish failure", whatever_fails=True
        ),
        **reported,
    }


def publish(names: Names, subject: str, message: Sequence[str]) -> Call:
    """Returns the call that publishes to the alarm topic; subject and lines are JSONata."""
    return Call(
        "sns:publish",
        {
            "TopicArn": names.alarm_topic_arn,
            "Subject": expression(subject),
            "Message": expression(f"$join([{', '.join(message)}], '\\n')"),
        },
        (
            Statement("PublishFailure", ("sns:Publish",), (names.alarm_topic_arn,)),
            use_of_data_key(names),  # the topic is encrypted with it
        ),
    )


def reason(cause: str, error: str) -> str:
    """Returns JSONata of why a task failed; a job's cause is its whole description in JSON.

    Parameters
    ----------
    cause, error
        JSONata expressions.
    """
    return (
        f"($text := $trim({cause}); $is_job := $substring($text, 0, 1) = '{{'; "
        "$job := $is_job ? $parse($text) : {}; "
        "$why := [$job.ExitMessage, $job.FailureReason, $job.ErrorMessage, "
        f"$is_job ? {error} : $text][0]; $substring($why, 0, 600))"
    )
