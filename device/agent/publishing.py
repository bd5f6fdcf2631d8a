"""Publishes what waits in the outbox and deletes what the broker acknowledges.

One thread calls all of it; the MQTT client only reports acknowledgements into a queue.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Collection
from concurrent.futures import Future
from functools import partial

from device.agent.batching import MAX_READINGS, Batch, Batching, batches
from device.errors import RefusedError
from device.mqtt.link import FIRST_ERROR, NOT_AUTHORIZED, Link
from device.outbox.store import Outbox

WINDOW = MAX_READINGS
"""Readings published and not yet acknowledged. The link holds further to what the broker allows
(Receive Maximum; 100 messages on AWS)."""

RETRY_SECONDS = 1.0


class Publisher:
    """Brings messages from the outbox to the broker.

    Parameters
    ----------
    batching
        How many readings share a message.
    wake
        Set when the broker has answered.
    """

    def __init__(
        self, outbox: Outbox, link: Link, batching: Batching, wake: threading.Event
    ) -> None:
        self._outbox = outbox
        self._link = link
        self._batching = batching
        self._wake = wake
        self._results: queue.SimpleQueue[tuple[Batch, Future[int]]] = queue.SimpleQueue()
        self._in_flight: set[int] = set()
        self._again: list[int] = []
        self._again_at = 0.0
        self._published = 0
        self._gathering = (0, 0.0)
        self._earlier = outbox.newest
        self.sent = 0
        """Readings of this run that were published."""
        self.acknowledged = 0
        """Of those, how many the broker has."""
        self.carried_over = 0
        """Readings that an earlier run had left and that the broker now has."""

    @property
    def in_flight(self) -> Collection[int]:
        """Numbers of readings on their way to the broker."""
        return self._in_flight

    def publish(self, now: float, *, hurry: bool) -> None:
        """Publish what waits, oldest first, as far as the window and the link have room.

        Parameters
        ----------
        now
            By the monotonic clock.
        hurry
            Whether a batch must not wait for more readings.
        """
        messages = self._link.room if self._link.connected else 0
        room = min(WINDOW - len(self._in_flight), messages * self._batching.readings)
        if room <= 0:
            return
        failed = []
        if now >= self._again_at:
            failed, self._again = self._outbox.get(self._again[:room]), self._again[room:]
        fresh = self._outbox.after(self._published, room - len(failed))
        waiting = deque(batches(failed + fresh, self._batching.readings))
        # None overtakes another: what follows `_published` was never sent.
        while waiting and self._link.room > 0 and (hurry or self._is_ripe(waiting[0], now)):
            self._send(waiting.popleft())
        left = [number for batch in waiting for number in batch.numbers]
        self._again = [number for number in left if number <= self._published] + self._again

    def _is_ripe(self, batch: Batch, now: float) -> bool:
        """Whether a batch is closed, or its first reading has waited long enough for others."""
        if batch.closed:
            return True
        if batch.numbers[0] != self._gathering[0]:
            self._gathering = (batch.numbers[0], now)
        wait = self._batching.wait
        return wait is not None and now - self._gathering[1] >= wait.total_seconds()

    def _send(self, batch: Batch) -> None:
        self.sent += sum(n > max(self._published, self._earlier) for n in batch.numbers)
        self._published = max(self._published, batch.numbers[-1])
        self._in_flight.update(batch.numbers)
        result = self._link.publish(batch.topic, batch.payload)
        result.add_done_callback(partial(self._report, batch))

    def _report(self, batch: Batch, done: Future[int]) -> None:
        self._results.put((batch, done))
        self._wake.set()

    def settle(self) -> None:
        """Delete what is acknowledged; note what must be published again.

        Raises
        ------
        RefusedError
            The broker does not let the device publish there.
        """
        acknowledged: list[int] = []
        refused: Batch | None = None
        while not self._results.empty():
            batch, done = self._results.get_nowait()
            self._in_flight.difference_update(batch.numbers)
            code = None if done.exception() else done.result()
            if code is not None and code < FIRST_ERROR:
                acknowledged += batch.numbers
            elif code == NOT_AUTHORIZED:
                refused = batch
            else:
                self._again = sorted(self._again + batch.numbers)
                self._again_at = time.monotonic() + RETRY_SECONDS
        if acknowledged:
            self._outbox.remove(acknowledged)
            ours = sum(number > self._earlier for number in acknowledged)
            self.acknowledged += ours
            self.carried_over += len(acknowledged) - ours
        if refused:
            raise RefusedError(
                f"the broker does not let this device publish on {refused.topic} "
                "(NOT_AUTHORIZED); see the policy attached to its certificate"
            )
