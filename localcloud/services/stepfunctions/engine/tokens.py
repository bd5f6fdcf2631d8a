"""Task tokens, with which a caller reports the result of a task.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

from __future__ import annotations

import secrets
from queue import SimpleQueue
from typing import Any

from localcloud.cloud.aws_api import AwsError

_LENGTH = 64  # bytes


class Tokens:
    """Tokens of the tasks that wait, each with the inbox of its task."""

    def __init__(self) -> None:
        self._inboxes: dict[str, SimpleQueue[Any]] = {}

    def issue(self, inbox: SimpleQueue[Any]) -> str:
        """Returns a new token."""
        token = secrets.token_urlsafe(_LENGTH)
        self._inboxes[token] = inbox
        return token

    def withdraw(self, token: str) -> None:
        """Ends a token: its task has ended."""
        self._inboxes.pop(token, None)

    def send(self, token: str, message: Any) -> None:
        """Sends a message to the task of a token.

        Raises
        ------
        AwsError
            ``TaskTimedOut``, as Step Functions says of every token whose task has ended.
        """
        inbox = self._inboxes.get(token)
        if inbox is None:
            raise AwsError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        inbox.put(message)
