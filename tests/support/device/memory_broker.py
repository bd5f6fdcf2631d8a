"""A broker in memory with the interface of a link."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from device.mqtt.link import OnMessage

TOPIC = "telemetry/harbour"
SUCCESS, NO_SUBSCRIBERS, QUOTA_EXCEEDED, NOT_AUTHORIZED = 0x00, 0x10, 0x97, 0x87


@dataclass
class Broker:
    """Acknowledges each publish with the result of ``answer``; None does not acknowledge it."""

    answer: Callable[[bytes], int | Exception | None] = lambda _: SUCCESS
    connected: bool = True
    refusal: str | None = None
    trouble: str | None = None
    sessions: int = 1
    room: int = 1_000
    granted: int | Exception = 1
    topic: str = TOPIC
    published: list[bytes] = field(default_factory=list)
    unanswered: int = 0
    most_unanswered: int = 0
    reports: list[dict[str, object]] = field(default_factory=list)
    elsewhere: list[tuple[str, Any]] = field(default_factory=list)
    on_message: OnMessage | None = None

    def report(self, facts: Mapping[str, object]) -> None:
        self.reports.append(dict(facts))

    def publish(self, topic: str, payload: bytes) -> Future[int]:
        if topic == self.topic:
            self.published.append(payload)
        else:
            self.elsewhere.append((topic, json.loads(payload)))
        answer, future = self.answer(payload), Future[int]()
        if isinstance(answer, Exception):
            future.set_exception(answer)
        elif answer is None:
            self.unanswered += 1
            self.most_unanswered = max(self.unanswered, self.most_unanswered)
        else:
            future.set_result(answer)
        return future

    def subscribe(self, topics: Sequence[str], on_message: OnMessage) -> Future[Sequence[int]]:
        self.on_message = on_message
        future = Future[Sequence[int]]()
        if isinstance(self.granted, Exception):
            future.set_exception(self.granted)
        else:
            future.set_result([self.granted] * len(topics))
        return future

    def deliver(self, topic: str, document: object) -> None:
        """Send a message to the subscriber."""
        assert self.on_message
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.on_message(topic, payload)
