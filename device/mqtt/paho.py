"""MQTT 5 over mutual TLS with Eclipse Paho: pure Python, for platforms without the AWS SDK.

Paho's own reconnection has no jitter and hides why a connection failed. Therefore a thread here
connects, waits for the end of the session, and reconnects with full-jitter exponential backoff.
Paho publishes unacknowledged messages again over the new connection.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from contracts.messages.telemetry import status_topic
from device.errors import KitError
from device.mqtt.kit import ConnectionKit
from device.mqtt.link import (
    KEEP_ALIVE_SECONDS,
    MAX_RECONNECT_MS,
    MIN_RECONNECT_MS,
    STOP_SECONDS,
    OnMessage,
    Session,
    unusable,
)

RECEIVE_MAXIMUM = 100
"""AWS IoT Core's limit of unacknowledged messages; Paho ignores the limit that the broker sends."""

PUBLISHES_PER_SECOND = 80
BURST = 20
"""Their sum is AWS IoT Core's quota per connection: 100 publishes in any second."""

BYTES_PER_SECOND = 320 * 1024
BURST_BYTES = 64 * 1024
"""Their sum, plus one message that may exceed the tokens, is within the quota of 512 KiB in any
second."""

_QUEUED = (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN)
"""Without a session, Paho returns NO_CONN and keeps the message, so this is not a failure."""


class TokenBucket:
    """A token bucket of messages or bytes."""

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    @property
    def room(self) -> int:
        """Number of whole tokens."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        return max(0, int(self._tokens))

    def take(self, tokens: int) -> None:
        """Take tokens, even more than available; `room` is then 0 until they are refilled."""
        self._tokens -= tokens


class Quota:
    """AWS IoT Core's publishing quotas of one connection."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._publishes = TokenBucket(PUBLISHES_PER_SECOND, BURST, clock)
        self._bytes = TokenBucket(BYTES_PER_SECOND, BURST_BYTES, clock)

    @property
    def room(self) -> int:
        """Number of messages that may be published now; 0 while no byte tokens are left."""
        return self._publishes.room if self._bytes.room else 0

    def take(self, size: int) -> None:
        """Count a published message of ``size`` bytes."""
        self._publishes.take(1)
        self._bytes.take(size)


class PahoConnection(Session):
    """One device's session.

    Parameters
    ----------
    within_quota
        Whether to keep AWS IoT Core's quotas per connection, 100 publishes and 512 KiB per second.
    on_change
        Function that a thread of this connection calls when the session starts or ends.
    """

    def __init__(
        self,
        kit: ConnectionKit,
        *,
        within_quota: bool,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(kit, on_change)
        self._quota = Quota() if within_quota else None
        self._books = threading.Lock()  # never held during a call of Paho, which has locks too
        self._unanswered: dict[int, Future[Any]] = {}
        self._early: dict[int, Any] = {}
        self._answered = False
        self._over = threading.Event()
        self._ending = threading.Event()
        self._keeper = threading.Thread(
            target=self._keep_connected, name=f"mqtt-{kit.thing_name}", daemon=True
        )
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=kit.thing_name,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_received
        client.max_inflight_messages_set(RECEIVE_MAXIMUM)
        client.will_set(status_topic(kit.thing_name), self._status("lost"), qos=1, retain=True)
        try:
            client.tls_set(
                ca_certs=str(kit.ca_file) if kit.ca_file else None,
                certfile=str(kit.certificate),
                keyfile=str(kit.private_key),
            )
        except (OSError, ValueError) as error:
            raise KitError(unusable(kit, error)) from error

    @property
    def room(self) -> int:
        return self._quota.room if self._quota else 1_000_000

    def __enter__(self) -> PahoConnection:
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Publish the final status and disconnect, so that the broker does not send the will."""
        if self.connected:
            wait([self._publish_status("stopped")], timeout=STOP_SECONDS)
        self._ending.set()
        self._client.disconnect()
        self._over.set()  # after `_ending`, so that the thread sees at least one of them
        self._keeper.join(STOP_SECONDS)

    def publish(self, topic: str, payload: bytes) -> Future[int]:
        return self._send(topic, payload, retain=False)

    def subscribe(self, topics: Sequence[str], on_message: OnMessage) -> Future[Sequence[int]]:
        self._on_message = on_message
        code, mid = self._client.subscribe([(topic, 1) for topic in topics])
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            return _failed(OSError(paho.error_string(code)))
        return self._answer_to(mid)

    def report(self, facts: Mapping[str, object]) -> None:
        self._facts = dict(facts)
        if self.connected:
            self._publish_status("online")

    def _publish_status(self, status: str) -> Future[int]:
        return self._send(status_topic(self._kit.thing_name), self._status(status), retain=True)

    def _send(self, topic: str, payload: bytes, *, retain: bool) -> Future[int]:
        if self._quota:
            self._quota.take(len(topic) + len(payload))
        try:
            sent = self._client.publish(topic, payload, qos=1, retain=retain)
        except ValueError as error:  # longer than MQTT allows
            return _failed(error)
        if sent.rc not in _QUEUED:
            return _failed(OSError(paho.error_string(sent.rc)))
        return self._answer_to(sent.mid)

    def _answer_to(self, mid: int) -> Future[Any]:
        """Return a future of the broker's response to a packet, which may already be there."""
        future: Future[Any] = Future()
        with self._books:
            answer = self._early.pop(mid, None)
            if answer is None:
                self._unanswered[mid] = future
        if answer is not None:
            future.set_result(answer)
        return future

    def _answered_with(self, mid: int, answer: Any) -> None:
        with self._books:
            future = self._unanswered.pop(mid, None)
            if future is None:
                self._early[mid] = answer
        if future is not None:
            future.set_result(answer)

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: Any, _props: Any) -> None:
        self._answered_with(mid, reason.value)

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: Any, _props: Any) -> None:
        self._answered_with(mid, [reason.value for reason in reasons])

    def _on_received(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._on_message(message.topic, bytes(message.payload))

    def _keep_connected(self) -> None:
        attempt = 0
        while not self._ending.is_set() and not self.refusal:
            sessions = self.sessions
            self._answered = False
            self._over.clear()
            try:
                self._client.connect(
                    self._kit.host, self._kit.port, KEEP_ALIVE_SECONDS, clean_start=True
                )
            except ssl.SSLEOFError as error:
                self._failed(str(error))
            except ssl.SSLError as error:
                self._failed(f"TLS: {error}", tls=True)
            except ConnectionResetError as error:
                self._failed(str(error))
            except OSError as error:
                self._failed(str(error), network=True)
            else:
                self._client.loop_start()
                if not self._ending.is_set():
                    self._over.wait()
                self._client.loop_stop()
            attempt = 0 if self.sessions > sessions else attempt + 1
            ceiling = min(MAX_RECONNECT_MS, MIN_RECONNECT_MS * 2**attempt) / 1000
            self._ending.wait(random.uniform(0, ceiling))  # noqa: S311 - jitter, not secrets

    def _on_connect(
        self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        self._answered = True
        if reason.is_failure:
            self._failed(reason.getName(), code=reason.value)
        else:
            self._publish_status("started")
            self._began()

    def _on_disconnect(
        self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self._ended(f"the broker ended the session: {reason.getName()}", reason.value)
        elif self.connected:
            self._ended(f"the connection was lost: {reason.getName()}")
        elif not self._ending.is_set() and not self._answered:
            self._failed("it hung up before the session started")
        self._over.set()


def _failed(error: Exception) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future
