"""Makes retries of AWS SDKs idempotent.

An SDK retries a call whose response it did not receive, and numbers its attempts in the headers
``amz-sdk-invocation-id`` and ``amz-sdk-request``. A retried creation would be refused because the
resource exists, and Terraform would not record the resource in its state. (This was observed with
a topic rule, 70 ms after its creation.) A retry therefore gets the response to the first attempt.
"""

from __future__ import annotations

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger("localcloud")

KEPT_SECONDS = 60.0  # an SDK retries sooner
MAX_BYTES = 64 * 1024  # of a kept response; responses to changes are small
READ_METHODS = ("GET", "HEAD", "OPTIONS")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ATTEMPT = re.compile(rb"attempt=(\d+)")


@dataclass
class _Answer:
    """The response to a call, as ASGI messages."""

    path: str
    key: bytes
    at: float = field(default_factory=time.monotonic)
    messages: list[Message] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return bool(self.messages) and not self.messages[-1].get("more_body", False)

    @property
    def size(self) -> int:
        return sum(len(message.get("body", b"")) for message in self.messages)


class Repeats:
    """ASGI application that forwards calls to another one and answers retries itself."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        call = headers.get(b"amz-sdk-invocation-id")
        if call is None or scope["method"] in READ_METHODS:
            await self._app(scope, receive, send)
            return
        self._remove_expired()
        found = _ATTEMPT.search(headers.get(b"amz-sdk-request", b""))
        attempt = int(found[1]) if found else 1
        key = _access_key(headers)
        earlier = self._answers.get(call)
        if attempt > 1 and earlier and (earlier.path, earlier.key) == (scope["path"], key):
            logger.warning(
                "attempt %d of %s %s, %.0f ms after its completion: repeated the response",
                attempt,
                scope["method"],
                headers.get(b"x-amz-target", scope["path"].encode()).decode(),
                1000 * (time.monotonic() - earlier.at),
            )
            for message in earlier.messages:
                await send(message)
            return
        await self._app(scope, receive, self._recording(call, _Answer(scope["path"], key), send))

    def _recording(self, call: bytes, answer: _Answer, send: Send) -> Send:
        """Wraps ``send`` to store a response before it is sent, in case the sending fails."""

        async def record(message: Message) -> None:
            if message["type"].startswith("http.response."):
                answer.messages.append(message)
                done = answer.messages[0].get("status", 500) < 300 and answer.is_complete
                if message["type"] == "http.response.body" and done and answer.size <= MAX_BYTES:
                    answer.at = time.monotonic()
                    self._answers[call] = answer
            await send(message)

        return record

    def _remove_expired(self) -> None:
        before = time.monotonic() - KEPT_SECONDS
        while self._answers and next(iter(self._answers.values())).at < before:
            self._answers.popitem(last=False)


def _access_key(headers: dict[bytes, bytes]) -> bytes:
    """Returns the caller's access key, so that no caller gets the response of another."""
    found = re.search(rb"Credential=([^/]+)/", headers.get(b"authorization", b""))
    return found[1] if found else b""
