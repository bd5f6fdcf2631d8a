"""One call of an AWS SDK is done once, also where the SDK sends it again.

An SDK repeats a call whose answer it did not get, and numbers its attempts in the headers
``amz-sdk-invocation-id`` and ``amz-sdk-request``. Done twice, a creation would be refused because
the thing exists, and Terraform would end with a resource that it does not know as its own. (That
was seen with a topic rule, 70 ms after its creation.) The second attempt gets the first one's
answer.
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

REMEMBERED = 60.0  # seconds; an SDK's attempts come sooner
LARGEST = 64 * 1024  # bytes of an answer that is remembered; those to changes are small
READING = ("GET", "HEAD", "OPTIONS")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ATTEMPT = re.compile(rb"attempt=(\d+)")


@dataclass
class _Answer:
    """What was said to a call, message by message."""

    path: str
    key: bytes
    at: float = field(default_factory=time.monotonic)
    messages: list[Message] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return bool(self.messages) and not self.messages[-1].get("more_body", False)

    @property
    def size(self) -> int:
        return sum(len(message.get("body", b"")) for message in self.messages)


class Repeats:
    """An ASGI application before another one."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        call = headers.get(b"amz-sdk-invocation-id")
        if call is None or scope["method"] in READING:
            await self._app(scope, receive, send)
            return
        self._forget()
        found = _ATTEMPT.search(headers.get(b"amz-sdk-request", b""))
        attempt = int(found[1]) if found else 1
        key = _access_key(headers)
        earlier = self._answers.get(call)
        if attempt > 1 and earlier and (earlier.path, earlier.key) == (scope["path"], key):
            logger.warning(
                "attempt %d of %s %s, %.0f ms after it was done: answered as before",
                attempt,
                scope["method"],
                headers.get(b"x-amz-target", scope["path"].encode()).decode(),
                1000 * (time.monotonic() - earlier.at),
            )
            for message in earlier.messages:
                await send(message)
            return
        await self._app(scope, receive, self._noting(call, _Answer(scope["path"], key), send))

    def _noting(self, call: bytes, answer: _Answer, send: Send) -> Send:
        """Remember an answer before it is sent, so that it is known if it does not arrive."""

        async def note(message: Message) -> None:
            if message["type"].startswith("http.response."):
                answer.messages.append(message)
                done = answer.messages[0].get("status", 500) < 300 and answer.is_whole
                if message["type"] == "http.response.body" and done and answer.size <= LARGEST:
                    answer.at = time.monotonic()
                    self._answers[call] = answer
            await send(message)

        return note

    def _forget(self) -> None:
        before = time.monotonic() - REMEMBERED
        while self._answers and next(iter(self._answers.values())).at < before:
            self._answers.popitem(last=False)


def _access_key(headers: dict[bytes, bytes]) -> bytes:
    """Who calls, so that nobody is told another's answer."""
    found = re.search(rb"Credential=([^/]+)/", headers.get(b"authorization", b""))
    return found[1] if found else b""
