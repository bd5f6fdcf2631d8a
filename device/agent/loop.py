"""The agent's loop, in one thread: takes readings, stores them in the outbox and publishes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import islice

from contracts.messages.device_shadow import SAMPLING_INTERVAL
from device.agent.batching import Batching
from device.agent.pace import Pace, Rhythm
from device.agent.publishing import WINDOW, Publisher
from device.agent.sampling import SamplingShadow
from device.clock import Clock, SystemClock, is_set
from device.errors import RefusedError, UnreachableError
from device.mqtt.link import Link
from device.outbox.store import Outbox
from device.sensors.readings import Message, dated

TAKE = 400
"""Number of recorded readings that are stored in the outbox in one transaction."""

IDLE_SECONDS = 0.5
NO_ROOM_SECONDS = 0.1


@dataclass(frozen=True)
class Tally:
    """Counts of an agent's run. Messages of this run and of earlier runs are counted separately.

    Parameters
    ----------
    taken
        Readings taken and stored in the outbox.
    sent
        Of those, readings that were published, whether acknowledged or not.
    acknowledged
        Of those, readings that the broker acknowledged.
    carried_over
        Messages of an earlier run in the outbox that the broker has now acknowledged.
    left
        Messages that remain in the outbox.
    dropped
        Messages of this and earlier runs that were dropped for the outbox's size or age limit.
    first, last
        Time of the earliest and of the latest reading.
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
    """Delivers messages to the broker through the outbox.

    Parameters
    ----------
    wake
        Event that the connection or a signal handler sets to wake the loop.
    progress
        Function that regularly receives the counts so far.
    about
        Additional fields of every heartbeat, such as boot and transport.
    batching
        Limits of a batch; by default, each reading has its own message.
    sampling
        Shadow with the desired sampling interval; None uses the interval of ``pace``.
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
        batching: Batching | None = None,
        sampling: SamplingShadow | None = None,
    ) -> None:
        self._outbox = outbox
        self._link = link
        self._topic = topic
        self._pace = pace
        self._wake = wake
        self._progress = progress
        self._about = dict(about or {})
        self._clock = clock or SystemClock()
        self._sampling = sampling
        self._publisher = Publisher(outbox, link, batching or Batching(), wake)
        self._rhythm = Rhythm(pace.delay) if pace.delay else None
        self._tally = Tally(left=len(outbox))

    @property
    def tally(self) -> Tally:
        """The counts so far; also available after `run` has failed."""
        return replace(
            self._tally,
            sent=self._publisher.sent,
            acknowledged=self._publisher.acknowledged,
            carried_over=self._publisher.carried_over,
            left=len(self._outbox),
            dropped=self._outbox.dropped,
        )

    def run(self, messages: Iterator[Message | None], stop: threading.Event) -> Tally:
        """Run until the messages end or ``stop`` is set, then drain the outbox.

        A None among the messages means that there is no message at the moment.

        Unacknowledged messages remain in the outbox, and the next run sends them first.

        Raises
        ------
        RefusedError
            The broker does not accept the device or its messages.
        UnreachableError
            There was no session for longer than ``pace.patience``.
        """
        offline_since = time.monotonic()
        beat_due = offline_since + self._heartbeat
        ending_since: float | None = None
        more = True
        while True:
            now = time.monotonic()
            self._publisher.settle()
            self._date_held()
            if self._link.refusal:
                raise RefusedError(self._link.refusal)
            offline_since = now if self._link.connected else offline_since
            self._check_patience(now - offline_since)
            self._follow_shadow()
            more = more and not stop.is_set() and self._take_due(messages, now)
            self._publisher.publish(now, hurry=not more)
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
            self._wait(self._rhythm.due - now if more and self._rhythm else IDLE_SECONDS)

    @property
    def _heartbeat(self) -> float:
        return self._pace.heartbeat.total_seconds() if self._pace.heartbeat else float("inf")

    def _facts(self) -> dict[str, object]:
        """Return the fields of a heartbeat; see ``telemetry_status.v1.schema.json``."""
        tally, drops = self.tally, self._outbox.drops
        rhythm = self._rhythm
        return self._about | {
            "queue_depth": tally.left,
            "queue_bytes": self._outbox.size,
            "dropped": asdict(drops),
            "reconnects": max(0, self._link.sessions - 1),
            "taken": tally.taken,
            "acknowledged": tally.acknowledged + tally.carried_over,
            **({SAMPLING_INTERVAL: rhythm.interval.total_seconds()} if rhythm else {}),
        }

    def _check_patience(self, offline: float) -> None:
        patience = self._pace.patience
        if patience is not None and offline > patience.total_seconds():
            raise UnreachableError(
                f"no session for {patience.total_seconds():.0f} s "
                f"({self._link.trouble or 'the broker does not answer'}); "
                f"{len(self._outbox)} messages stay in {self._outbox.path}"
            )

    def _finished(self, draining: float, stop: threading.Event) -> bool:
        """Return whether everything is acknowledged, or the drain timeout has expired.

        A replay that is not stopped drains as long as there is a session: its last window may be
        slow, and ``pace.patience`` limits the time without a session.
        """
        if not len(self._outbox):
            return True
        bounded = stop.is_set() or self._pace.patience is None
        return bounded and draining > self._pace.drain.total_seconds()

    def _follow_shadow(self) -> None:
        if self._sampling:
            self._sampling.follow(self._link)
            if self._rhythm and self._sampling.interval:
                self._rhythm.interval = self._sampling.interval

    def _take_due(self, messages: Iterator[Message | None], now: float) -> bool:
        """Take the readings that are due; False at the end of the messages."""
        if self._pace.self_paced:
            return self._take_given(messages)
        if self._rhythm is None:
            return self._take_ahead(messages)
        if now < self._rhythm.due:
            return True
        self._rhythm.taken(now)
        return self._take(islice(messages, 1)) == 1

    def _take_given(self, messages: Iterator[Message | None]) -> bool:
        """Take all messages that are available now; False at the end of the messages."""
        batch: list[Message] = []
        try:
            for message in messages:
                if message is None:
                    return True
                batch.append(message)
                if len(batch) == TAKE:
                    self._take(iter(batch))
                    batch.clear()
            return False
        finally:  # also if the sensor failed
            self._take(iter(batch))

    def _take_ahead(self, messages: Iterator[Message | None]) -> bool:
        """Keep the outbox one window ahead of the broker; False at the end of the messages."""
        while len(self._outbox) - len(self._publisher.in_flight) < WINDOW:
            if self._take(islice(messages, TAKE)) < TAKE:
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
        """Store messages in the outbox; those without a date are held."""
        spare = self._publisher.in_flight
        undated = [(m.payload, m.uptime) for m in batch if m.uptime is not None]
        if undated:
            self._outbox.hold(self._topic, undated, self._clock.start, spare)
        if payloads := [message.payload for message in batch if message.uptime is None]:
            self._date_held()  # otherwise they would be published after later ones
            self._outbox.put(self._topic, payloads, spare=spare)

    def _date_held(self) -> None:
        if self._outbox.held and is_set(self._clock.now()):
            self._outbox.date(self._clock, dated)

    def _wait(self, seconds: float) -> None:
        longest = IDLE_SECONDS if self._link.room else NO_ROOM_SECONDS
        self._wake.wait(max(0.0, min(seconds, longest)))
        self._wake.clear()
