"""Follows the sampling interval in the thing's shadow and reports the interval in effect.

The agent requests the whole shadow at the start of every session (``get``) and receives it at every
change (``update/documents``). ``update/delta`` contains only differences: it does not show that a
desired interval was removed, or that a refused one was replaced by the interval in effect.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from contracts.json_text import parsed
from contracts.messages.device_shadow import REFUSED, SAMPLING_INTERVAL, shadow_topic
from device.agent.pace import MAX_DELAY, MIN_DELAY
from device.mqtt.kit import write_private
from device.mqtt.link import FIRST_ERROR, Link

_SUBSCRIBED = ("get/accepted", "get/rejected", "update/documents", "update/rejected")
_NO_SHADOW = 404


class RefusedIntervalError(ValueError):
    """The desired interval is not possible."""


def interval_of(desired: object) -> timedelta:
    """Parse a desired interval.

    Raises
    ------
    RefusedIntervalError
        The value is not a number of seconds from `MIN_DELAY` to `MAX_DELAY`.
    """
    least, most = MIN_DELAY.total_seconds(), MAX_DELAY.total_seconds()
    number = isinstance(desired, int | float) and not isinstance(desired, bool)
    if not (number and least <= desired <= most):  # type: ignore[operator]
        raise RefusedIntervalError(
            f"expected seconds from {least:g} to {most:g}, a number; got {desired!r:.40}"
        )
    return timedelta(seconds=desired)  # type: ignore[arg-type]


def seconds_of(interval: timedelta) -> float:
    """Convert an interval to seconds for a shadow, as an integer if it is whole."""
    seconds = interval.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


@dataclass(frozen=True)
class _Shadow:
    """The relevant fields of the shadow's document."""

    version: int
    desired: object
    reported: object
    refused: object

    @classmethod
    def of(cls, document: dict[str, Any]) -> _Shadow:
        state = document["state"]
        desired, reported = state.get("desired") or {}, state.get("reported") or {}
        return cls(
            version=int(document["version"]),
            desired=desired.get(SAMPLING_INTERVAL),
            reported=reported.get(SAMPLING_INTERVAL),
            refused=reported.get(REFUSED),
        )


class SamplingShadow:
    """Follows a thing's shadow, in the agent's thread; the link's thread only queues messages.

    Parameters
    ----------
    interval
        Interval while none is desired. None means a sensor that sets its own pace: then any desired
        interval is refused.
    memory
        File with the last desired interval, for a start without a connection.
    wake
        Event that is set when there are new messages.
    tell
        Function that receives a line about each change and each error.
    """

    def __init__(
        self,
        thing_name: str,
        interval: timedelta | None,
        *,
        memory: Path,
        wake: threading.Event,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.interval = self._own = interval
        self._thing_name = thing_name
        self._memory = memory
        self._wake = wake
        self._tell = tell
        self._session = 0
        self._version = 0
        self._news: queue.SimpleQueue[Callable[[Link], None]] = queue.SimpleQueue()
        self._desired = self._remembered()
        self._refused = self._adopt(self._desired)

    def follow(self, link: Link) -> None:
        """Subscribe in a new session or after a loss, and process the received messages."""
        if link.connected and link.sessions != self._session:
            self._session, self._version = link.sessions, 0
            topics = [shadow_topic(self._thing_name, stub) for stub in _SUBSCRIBED]
            link.subscribe(topics, self._arrived).add_done_callback(self._subscribed)
        while not self._news.empty():
            self._news.get_nowait()(link)

    def _put(self, news: Callable[[Link], None]) -> None:
        self._news.put(news)
        self._wake.set()

    def _resubscribe(self, _: Link) -> None:
        self._session = 0

    def _subscribed(self, done: Future[Sequence[int]]) -> None:
        if done.exception():  # no SUBACK, or the session ended: retry at the next loop, no wake
            self._news.put(self._resubscribe)
            return

        def ask(link: Link) -> None:
            if refused := [code for code in done.result() if code >= FIRST_ERROR]:
                self._tell(self._rejection(f"SUBACK {refused[0]:#x}"))
            else:
                self._send(link, "get", {})

        self._put(ask)

    def _send(self, link: Link, stub: str, document: dict[str, Any]) -> None:
        def note(done: Future[int]) -> None:
            if done.exception():
                self._news.put(self._resubscribe)
            elif done.result() >= FIRST_ERROR:
                self._put(lambda _: self._tell(self._rejection(f"PUBACK {done.result():#x}")))

        topic = shadow_topic(self._thing_name, stub)
        link.publish(topic, json.dumps(document, allow_nan=False).encode()).add_done_callback(note)

    def _rejection(self, code: str) -> str:
        return (
            f"the broker does not allow the shadow's topics ({code}), so its interval has no "
            f"effect; check that the device policy allows {shadow_topic(self._thing_name, '*')}"
        )

    def _arrived(self, topic: str, payload: bytes) -> None:
        def process(link: Link) -> None:
            try:
                self._process(link, topic, parsed(payload))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._tell(f"{topic}: not a shadow's document ({error!r}): {payload!r:.80}")

        self._put(process)

    def _process(self, link: Link, topic: str, document: dict[str, Any]) -> None:
        stub = topic.removeprefix(shadow_topic(self._thing_name, ""))
        if stub == "get/accepted":
            self._follow(link, _Shadow.of(document))
        elif stub == "update/documents":
            self._follow(link, _Shadow.of(document["current"]))
        elif stub == "get/rejected" and document["code"] == _NO_SHADOW:
            self._follow(link, _Shadow(self._version, None, None, None))
        else:
            self._tell(f"{topic}: {document['code']} {document['message']}")

    def _follow(self, link: Link, shadow: _Shadow) -> None:
        """Adopt the desired interval, and report the interval in effect if it has changed."""
        if shadow.version < self._version:
            return  # MQTT may repeat and reorder messages
        self._version = shadow.version
        before, self._refused = (self.interval, self._refused), self._adopt(shadow.desired)
        if not self._refused:
            self._remember(shadow.desired)
        if (self.interval, self._refused) != before:
            self._tell(self._state())
        seconds = seconds_of(self.interval) if self.interval else None
        if (shadow.reported, shadow.refused) != (seconds, self._refused):
            # null removes a field from the shadow
            reported = {SAMPLING_INTERVAL: seconds, REFUSED: self._refused}
            self._send(link, "update", {"state": {"reported": reported}})

    def _remembered(self) -> object:
        try:
            return parsed(self._memory.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._tell(f"{self._memory}: {error}; the agent reads the shadow when it is connected")
            return None

    def _remember(self, desired: object) -> None:
        if desired == self._desired:
            return
        self._desired = desired
        try:
            write_private(self._memory, json.dumps(desired, allow_nan=False))
        except OSError as error:
            self._tell(f"{self._memory}: {error}; the interval will be lost at the next start")

    def _state(self) -> str:
        if self._refused:
            return f"the interval in its shadow is refused: {self._refused}"
        pace = f"every {self.interval.total_seconds():g} s" if self.interval else "at its own pace"
        return f"the sensor is read {pace}"

    def _adopt(self, desired: object) -> str | None:
        """Adopt the desired interval; otherwise keep the present one and return the reason."""
        if desired is None:
            self.interval = self._own
            return None
        if self._own is None:
            return f"expected no interval, the sensor sets the pace; got {desired!r:.40}"
        try:
            self.interval = interval_of(desired)
        except RefusedIntervalError as refused:
            return str(refused)
        return None
