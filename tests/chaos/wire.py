"""A TCP relay between the devices and the broker, whose connections can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from typing import Any

LOOPBACK = "127.0.0.1"
CHUNK = 64 * 1024
RETRY = 0.1  # seconds


class Wire:
    """A relay that runs in its own thread until `close`.

    Parameters
    ----------
    port
        Port of the broker, which may be down at times.
    """

    def __init__(self, port: int) -> None:
        self._broker = port
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._carry, LOOPBACK, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.carried = 0  # bytes from devices
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def cut(self, share: float, dice: random.Random) -> int:
        """Abort a share of the connections, at least one; return their number."""

        async def abort() -> int:
            devices = sorted(self._open, key=id)
            chosen = dice.sample(devices, min(len(devices), max(1, round(share * len(devices)))))
            for device in chosen:
                device.transport.abort()
            return len(chosen)

        return asyncio.run_coroutine_threadsafe(abort(), self._loop).result()

    def close(self) -> None:
        """End all connections."""
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _carry(self, reader: asyncio.StreamReader, device: asyncio.StreamWriter) -> None:
        while True:
            try:
                source, broker = await asyncio.open_connection(LOOPBACK, self._broker)
                break
            except OSError:  # the broker is down; closing the connection would look like a refusal
                await asyncio.sleep(RETRY)
        self._open.add(device)
        try:
            await asyncio.gather(self._pump(reader, broker, True), self._pump(source, device))
        finally:
            self._open.discard(device)

    async def _pump(self, source: asyncio.StreamReader, sink: Any, counted: bool = False) -> None:
        with contextlib.suppress(OSError):
            while chunk := await source.read(CHUNK):
                self.carried += len(chunk) if counted else 0
                sink.write(chunk)
                await sink.drain()
        sink.close()
