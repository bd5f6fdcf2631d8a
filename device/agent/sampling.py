"""How often to sample, as the cloud desires it in the thing's shadow, and what holds reported back.

The whole shadow is asked for at the start of every session (``get``) and comes by itself at every
change (``update/documents``). ``update/delta`` would tell only what differs: not that a wish was
taken back, nor that one that was refused gave way to the interval that holds.
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

from contracts.messages.device_shadow import REFUSED, SAMPLING_INTERVAL, shadow_topic
from device.agent.pace import MAX_DELAY, MIN_DELAY
from device.mqtt.kit import write_private
from device.mqtt.link import FIRST_ERROR, Link

_HEARD = ("get/accepted", "get/rejected", "update/documents", "update/rejected")
_NO_SHADOW = 404


class RefusedIntervalError(ValueError):
    """An interval that can't be sampled at."""


def interval_of(desired: object) -> timedelta:
    """A desired interval.

    Raises
    ------
    RefusedIntervalError
        It is no number of seconds from `MIN_DELAY` to `MAX_DELAY`.
    """
    least, most = MIN_DELAY.total_seconds(), MAX_DELAY.total_seconds()
    number = isinstance(desired, int | float) and not isinstance(desired, bool)
    if not (number and least <= desired <= most):  # type: ignore[operator]
        raise RefusedIntervalError(
            f"expected seconds from {least:g} to {most:g}, a number; got {desired!r:.40}"
        )
    return timedelta(seconds=desired)  # type: ignore[arg-type]


def seconds_of(interval: timedelta) -> float:
    """An interval as a shadow holds it; whole where it is."""
    seconds = interval.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


@dataclass(frozen=True)
class _Shadow:
    """What matters of the shadow's document."""

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
    """Follows a thing's shadow. The agent's thread calls it; the link's only leaves messages.

    Parameters
    ----------
    interval
        What holds while nothing else is desired. None is a sensor that sets its own pace: then
        whatever is desired is refused.
    memory
        File that keeps what was desired last, for a start without a connection.
    wake
        Set when there is news.
    tell
        Told, a line each, of what changes and what can't be done.
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

    def tend(self, link: Link) -> None:
        """Subscribe where a session is new, or something got lost, and act on what came."""
        if link.connected and link.sessions != self._session:
            self._session, self._version = link.sessions, 0
            topics = [shadow_topic(self._thing_name, stub) for stub in _HEARD]
            link.subscribe(topics, self._arrived).add_done_callback(self._subscribed)
        while not self._news.empty():
            self._news.get_nowait()(link)

    def _put(self, news: Callable[[Link], None]) -> None:
        self._news.put(news)
        self._wake.set()

    def _begin_anew(self, _: Link) -> None:
        self._session = 0

    def _subscribed(self, done: Future[Sequence[int]]) -> None:
        if done.exception():  # no answer, or the session ended; not at once, so nobody is woken
            self._news.put(self._begin_anew)
            return

        def ask(link: Link) -> None:
            if refused := [code for code in done.result() if code >= FIRST_ERROR]:
                self._tell(self._unheard(f"SUBACK {refused[0]:#x}"))
            else:
                self._send(link, "get", {})

        self._put(ask)

    def _send(self, link: Link, stub: str, document: dict[str, Any]) -> None:
        def note(done: Future[int]) -> None:
            if done.exception():
                self._news.put(self._begin_anew)
            elif done.result() >= FIRST_ERROR:
                self._put(lambda _: self._tell(self._unheard(f"PUBACK {done.result():#x}")))

        topic = shadow_topic(self._thing_name, stub)
        link.publish(topic, json.dumps(document).encode()).add_done_callback(note)

    def _unheard(self, code: str) -> str:
        return (
            f"the shadow can't be followed ({code}), its interval does not hold here; see that "
            f"the device policy allows {shadow_topic(self._thing_name, '*')}"
        )

    def _arrived(self, topic: str, payload: bytes) -> None:
        def act(link: Link) -> None:
            try:
                self._heed(link, topic, json.loads(payload))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._tell(f"{topic}: not a shadow's document ({error!r}): {payload!r:.80}")

        self._put(act)

    def _heed(self, link: Link, topic: str, document: dict[str, Any]) -> None:
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
        """Sample as desired, and report whatever the shadow does not say yet."""
        if shadow.version < self._version:
            return  # MQTT repeats and reorders
        self._version = shadow.version
        before, self._refused = (self.interval, self._refused), self._adopt(shadow.desired)
        if not self._refused:
            self._remember(shadow.desired)
        if (self.interval, self._refused) != before:
            self._tell(self._state())
        seconds = seconds_of(self.interval) if self.interval else None
        if (shadow.reported, shadow.refused) != (seconds, self._refused):
            # null removes what a shadow holds
            reported = {SAMPLING_INTERVAL: seconds, REFUSED: self._refused}
            self._send(link, "update", {"state": {"reported": reported}})

    def _remembered(self) -> object:
        try:
            return json.loads(self._memory.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._tell(f"{self._memory}: {error}; the shadow is asked once there is a connection")
            return None

    def _remember(self, desired: object) -> None:
        if desired == self._desired:
            return
        self._desired = desired
        try:
            write_private(self._memory, json.dumps(desired))
        except OSError as error:
            self._tell(f"{self._memory}: {error}; the interval is forgotten at the next start")

    def _state(self) -> str:
        if self._refused:
            return f"the interval in its shadow is refused: {self._refused}"
        pace = f"every {self.interval.total_seconds():g} s" if self.interval else "as it likes"
        return f"the sensor is read {pace}"

    def _adopt(self, desired: object) -> str | None:
        """Take over what is desired; returns why not, and then the interval stays."""
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
