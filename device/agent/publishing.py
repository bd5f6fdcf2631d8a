"""Publishes messages from the outbox and deletes them when the broker acknowledges them.

All methods are called by one thread; the MQTT client only puts acknowledgements into a queue.
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
"""Maximum number of published readings without acknowledgement. The link also keeps the broker's
limit (Receive Maximum; 100 messages on AWS)."""

RETRY_SECONDS = 1.0


class Publisher:
    """Publishes messages from the outbox to the broker.

    Parameters
    ----------
    batching
        Limits of a batch.
    wake
        Event that is set when the broker has acknowledged a message.
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
        """Number of readings of this run that were published."""
        self.acknowledged = 0
        """Number of those that the broker acknowledged."""
        self.carried_over = 0
        """Number of readings of an earlier run that the broker acknowledged in this one."""

    @property
    def in_flight(self) -> Collection[int]:
        """Numbers of published readings without acknowledgement."""
        return self._in_flight

    def publish(self, now: float, *, hurry: bool) -> None:
        """Publish waiting readings, oldest first, while the window and the link have room.

        Parameters
        ----------
        now
            Time by the monotonic clock.
        hurry
            Whether to publish batches without waiting for more readings.
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
        # The order is kept: readings after `_published` were never sent.
        while waiting and self._link.room > 0 and (hurry or self._is_ripe(waiting[0], now)):
            self._send(waiting.popleft())
        left = [number for batch in waiting for number in batch.numbers]
        self._again = [number for number in left if number <= self._published] + self._again

    def _is_ripe(self, batch: Batch, now: float) -> bool:
        """Return whether a batch is closed, or its first reading has waited long enough."""
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
        """Delete acknowledged readings, and schedule failed ones to be published again.

        Raises
        ------
        RefusedError
            The device is not authorized to publish on the topic.
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
                "(NOT_AUTHORIZED); check the policy attached to its certificate"
            )
