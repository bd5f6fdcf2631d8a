"""ASGI application that wraps ministack's and starts the added services with it.

It also saves ministack's state periodically, which ministack does only at a clean end. A killed
process therefore loses at most `SAVE_INTERVAL` of control-plane changes; objects in S3 and records
in Firehose are always written to disk at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ministack import app as ministack

from localcloud.server.doors import is_closed
from localcloud.server.repeats import Repeats

logger = logging.getLogger("localcloud")

SAVE_INTERVAL = 15.0  # seconds
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Application:
    """ministack's application with additions.

    Parameters
    ----------
    started
        Function awaited after ministack has loaded its state, before the first request.
    """

    def __init__(self, started: Callable[[], Awaitable[None]]) -> None:
        self._started = started
        self._changed = False
        self._saving: asyncio.Task[None] | None = None
        self._deduplicated = Repeats(ministack.app)
        logging.getLogger("persistence").setLevel(logging.WARNING)

    def note_change(self) -> None:
        """Schedules saving the state at the end of the current interval."""
        self._changed = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if scope["type"] == "http":
            if is_closed(scope["path"], scope["method"]):
                await _forbid(scope["path"], send)
                return
            if scope["method"] not in ("GET", "HEAD"):
                self.note_change()
            await self._deduplicated(scope, receive, send)
            return
        # no part of the estate uses WebSockets, which ministack opens to anyone
        await send({"type": "websocket.close", "code": 1008})

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_after_starting(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                await self._started()
                self._saving = asyncio.create_task(self._save_changes())
            await send(message)

        try:
            await ministack.app(scope, receive, send_after_starting)
        finally:
            if self._saving is not None:
                self._saving.cancel()

    async def _save_changes(self) -> None:
        while True:
            await asyncio.sleep(SAVE_INTERVAL)
            if self._changed:
                self._changed = False
                began = time.perf_counter()
                # On the event loop's thread, because most handlers change their state there.
                ministack.save_all(ministack._build_persistence_save_dict())
                logger.debug("saved the state in %.2f s", time.perf_counter() - began)


async def _forbid(path: str, send: Send) -> None:
    message = f"{path} is closed; call AWS's API, or stop the cloud and remove its home folder"
    body = json.dumps({"message": message}, allow_nan=False)
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
