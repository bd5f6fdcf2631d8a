"""The agent's loop: take readings, keep them in the outbox, publish, delete what is acknowledged.

One thread does all of it; the MQTT client only reports acknowledgements into a queue.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from device.clock import Clock, SystemClock, is_set
from device.errors import RefusedError, UnreachableError
from device.link import NOT_AUTHORIZED, Link
from device.outbox import Outbox
from device.readings import Message, dated

MIN_DELAY = timedelta(milliseconds=250)
"""Shortest time between two live readings."""

WINDOW = 400
"""Messages published and not yet acknowledged. The link holds further to what the broker allows
(Receive Maximum; 100 on AWS)."""

BATCH = 400
"""Recorded readings put into the outbox in one transaction."""

RETRY_SECONDS = 1.0
IDLE_SECONDS = 0.5
NO_ROOM_SECONDS = 0.1
_FIRST_ERROR = 0x80


@dataclass(frozen=True)
class Pace:
    """How fast, and with how much patience.

    Parameters
    ----------
    delay
        Between two readings; None is as fast as the broker acknowledges.
    drain
        How long after the last reading, or after being told to stop, to wait for acknowledgements.
        None waits as long as the connection stands.
    patience
        How long to go without a session; None is for ever.
    heartbeat
        How often to report how the device is; None is never.
    self_paced
        Whether the sensor decides when there is a reading; the agent then takes each at once.

    Raises
    ------
    ValueError
        ``delay`` is shorter than `MIN_DELAY`.
    """

    delay: timedelta | None = None
    drain: timedelta = timedelta(seconds=10)
    patience: timedelta | None = None
    heartbeat: timedelta | None = None
    self_paced: bool = False

    def __post_init__(self) -> None:
        if self.delay is not None and self.delay < MIN_DELAY:
            raise ValueError(
                f"the delay between readings must be at least {_ms(MIN_DELAY)} ms; "
                f"got {_ms(self.delay)} ms"
            )


@dataclass(frozen=True)
class Tally:
    """What an agent did. Messages of this run and of earlier ones are counted apart.

    Parameters
    ----------
    taken
        Readings taken and put into the outbox.
    sent
        Of those, how many were published; of some the broker may not have said that it has them.
    acknowledged
        Of those, how many the broker has.
    carried_over
        Messages that an earlier run had left in the outbox and that the broker now has.
    left
        Messages that stay in the outbox.
    dropped
        Messages, of this run and of earlier ones, that the outbox had no room for or held too long.
    first, last
        When the earliest and the latest reading was taken.
    """

    taken: int = 0
    sent: int = 0
    acknowledged: int = 0
    carried_over: int = 0
    left: int = 0
    dropped: int = 0
    first: datetime | None = None
    last: datetime | None = None


class Agent:
    """Brings messages to the broker, by way of the outbox.

    Parameters
    ----------
    wake
        Set by whoever has news for the agent: the connection, or a signal.
    progress
        Told, now and then, what was done so far.
    about
        What every heartbeat says besides: boot, transport.
    """

    def __init__(
        self,
        outbox: Outbox,
        link: Link,
        topic: str,
        pace: Pace,
        *,
        wake: threading.Event,
        progress: Callable[[Tally], None] = lambda _: None,
        about: Mapping[str, object] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._outbox = outbox
        self._link = link
        self._topic = topic
        self._pace = pace
        self._wake = wake
        self._progress = progress
        self._about = dict(about or {})
        self._clock = clock or SystemClock()
        self._results: queue.SimpleQueue[tuple[int, Future[int]]] = queue.SimpleQueue()
        self._in_flight: set[int] = set()
        self._again: list[int] = []
        self._again_at = 0.0
        self._published = 0
        self._sent = 0
        self._earlier = outbox.newest
        self._tally = Tally(left=len(outbox))

    @property
    def tally(self) -> Tally:
        """What was done so far; also after `run` failed."""
        outbox = self._outbox
        return replace(self._tally, sent=self._sent, left=len(outbox), dropped=outbox.dropped)

    def run(self, messages: Iterator[Message | None], stop: threading.Event) -> Tally:
        """Work until the messages end or ``stop`` is set, then drain.

        None among the messages says that there is none at the moment.

        Whatever was not acknowledged stays in the outbox and is sent first next time.

        Raises
        ------
        RefusedError
            The broker does not accept the device, or what it publishes.
        UnreachableError
            No session for longer than the pace's patience.
        """
        due = time.monotonic()
        offline_since = due
        beat_due = due + self._heartbeat
        ending_since: float | None = None
        more = True
        while True:
            now = time.monotonic()
            self._settle()
            self._date_held()
            if self._link.refusal:
                raise RefusedError(self._link.refusal)
            offline_since = now if self._link.connected else offline_since
            self._check_patience(now - offline_since)
            if stop.is_set():
                more = False
            if more and self._pace.self_paced:
                more = self._take_given(messages)
            elif more and self._pace.delay is None:
                more = self._take_ahead(messages)
            elif more and now >= due:
                more = self._take(islice(messages, 1)) == 1
                due = max(due + self._delay, now)
            self._publish(now)
            self._progress(self.tally)
            if self._link.connected and now >= beat_due:
                beat_due = now + self._heartbeat
                self._link.report(self._facts())
            if not more:
                ending_since = now if ending_since is None else ending_since
                if self._finished(now - ending_since, stop):
                    if self._pace.heartbeat:
                        self._link.report(self._facts())
                    return self.tally
            idle = IDLE_SECONDS if self._link.room else NO_ROOM_SECONDS
            self._wait(min(idle, due - now) if more and self._pace.delay is not None else idle)

    @property
    def _heartbeat(self) -> float:
        return self._pace.heartbeat.total_seconds() if self._pace.heartbeat else float("inf")

    def _facts(self) -> dict[str, object]:
        """What a heartbeat says; see ``telemetry_status.v1.schema.json`` in contracts."""
        tally, drops = self.tally, self._outbox.drops
        return self._about | {
            "queue_depth": tally.left,
            "queue_bytes": self._outbox.size,
            "dropped": asdict(drops),
            "reconnects": max(0, self._link.sessions - 1),
            "taken": tally.taken,
            "acknowledged": tally.acknowledged + tally.carried_over,
        }

    @property
    def _delay(self) -> float:
        return self._pace.delay.total_seconds() if self._pace.delay else 0.0

    def _check_patience(self, offline: float) -> None:
        patience = self._pace.patience
        if patience is not None and offline > patience.total_seconds():
            raise UnreachableError(
                f"no session for {patience.total_seconds():.0f} s "
                f"({self._link.trouble or 'the broker does not answer'}); "
                f"{len(self._outbox)} messages stay in {self._outbox.path}"
            )

    def _finished(self, draining: float, stop: threading.Event) -> bool:
        """Everything is acknowledged, or the time to drain is over.

        A replay that nobody stopped drains as long as there is a session: its last window may be
        slow, and patience bounds the rest.
        """
        if not len(self._outbox):
            return True
        bounded = stop.is_set() or self._pace.patience is None
        return bounded and draining > self._pace.drain.total_seconds()

    def _take_given(self, messages: Iterator[Message | None]) -> bool:
        """Take all there is at the moment; False once there will be no more."""
        batch: list[Message] = []
        try:
            for message in messages:
                if message is None:
                    return True
                batch.append(message)
                if len(batch) == BATCH:
                    self._take(iter(batch))
                    batch.clear()
            return False
        finally:  # also where the sensor failed
            self._take(iter(batch))

    def _take_ahead(self, messages: Iterator[Message | None]) -> bool:
        """Keep the outbox one window ahead of the broker; False once there are no more."""
        while len(self._outbox) - len(self._in_flight) < WINDOW:
            if self._take(islice(messages, BATCH)) < BATCH:
                return False
        return True

    def _take(self, messages: Iterator[Message | None]) -> int:
        batch = [message for message in messages if message is not None]
        if batch:
            self._keep(batch)
            times = [message.taken_at for message in batch if message.taken_at]
            tally = self._tally
            self._tally = replace(
                tally,
                taken=tally.taken + len(batch),
                first=min(times + ([tally.first] if tally.first else []), default=None),
                last=max(times + ([tally.last] if tally.last else []), default=None),
            )
        return len(batch)

    def _keep(self, batch: list[Message]) -> None:
        """Put messages into the outbox; those without a date are held."""
        spare = self._in_flight
        undated = [(m.payload, m.uptime) for m in batch if m.uptime is not None]
        if undated:
            self._outbox.hold(self._topic, undated, self._clock.start, spare)
        if payloads := [message.payload for message in batch if message.uptime is None]:
            self._date_held()  # or they would come out after later ones
            self._outbox.put(self._topic, payloads, spare=spare)

    def _date_held(self) -> None:
        if self._outbox.held and is_set(self._clock.now()):
            self._outbox.date(self._clock, dated)

    def _publish(self, now: float) -> None:
        room = min(WINDOW - len(self._in_flight), self._link.room)
        if not self._link.connected or room <= 0:
            return
        parcels = []
        if self._again and now >= self._again_at:
            parcels = self._outbox.get(self._again[:room])
            self._again = self._again[room:]
        fresh = self._outbox.after(self._published, room - len(parcels))
        if fresh:
            self._published = fresh[-1].number
            self._sent += sum(parcel.number > self._earlier for parcel in fresh)
        for parcel in parcels + fresh:
            self._in_flight.add(parcel.number)
            result = self._link.publish(parcel.topic, parcel.payload)
            result.add_done_callback(partial(self._report, parcel.number))

    def _report(self, number: int, done: Future[int]) -> None:
        self._results.put((number, done))
        self._wake.set()

    def _settle(self) -> None:
        """Delete what is acknowledged; note what must be published again."""
        acknowledged, refused = [], []
        while not self._results.empty():
            number, done = self._results.get_nowait()
            self._in_flight.discard(number)
            code = None if done.exception() else done.result()
            if code is not None and code < _FIRST_ERROR:
                acknowledged.append(number)
            elif code == NOT_AUTHORIZED:
                refused.append(number)
            else:
                self._again.append(number)
                self._again_at = time.monotonic() + RETRY_SECONDS
        if acknowledged:
            self._outbox.remove(acknowledged)
            ours = sum(number > self._earlier for number in acknowledged)
            self._tally = replace(
                self._tally,
                acknowledged=self._tally.acknowledged + ours,
                carried_over=self._tally.carried_over + len(acknowledged) - ours,
            )
        if refused:
            topic = self._outbox.get(refused[:1])[0].topic
            raise RefusedError(
                f"the broker does not let this device publish on {topic} (NOT_AUTHORIZED); "
                "see the policy attached to its certificate"
            )

    def _wait(self, seconds: float) -> None:
        self._wake.wait(max(0.0, min(seconds, IDLE_SECONDS)))
        self._wake.clear()


def _ms(duration: timedelta) -> str:
    return f"{duration / timedelta(milliseconds=1):g}"
