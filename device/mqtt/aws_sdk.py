"""MQTT 5 over mutual TLS with the AWS IoT Device SDK.

The SDK reconnects with full-jitter exponential backoff and publishes unacknowledged messages again
over the new connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from awscrt import mqtt5
from awscrt.exceptions import AwsCrtError
from awsiot import mqtt5_client_builder

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

PING_TIMEOUT_MS = 10_000
ACK_TIMEOUT_SECONDS = 30

Result = TypeVar("Result")

_NO_NETWORK = ("AWS_IO_SOCKET_CONNECTION_REFUSED", "AWS_IO_SOCKET_TIMEOUT", "AWS_IO_DNS")


class Connection(Session):
    """One device's session.

    Parameters
    ----------
    within_quota
        Whether to keep AWS IoT Core's quotas per connection (100 publishes and 512 KiB per second);
        the SDK then delays messages.
    on_change
        Function that the SDK's thread calls when the session starts or ends.
    """

    room = 1_000_000
    """No limit: the SDK accepts any number of messages and delays them."""

    def __init__(
        self,
        kit: ConnectionKit,
        *,
        within_quota: bool,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(kit, on_change)
        self._stopped = threading.Event()
        flow = mqtt5.ExtendedValidationAndFlowControlOptions
        try:
            self._client = mqtt5_client_builder.mtls_from_path(
                cert_filepath=str(kit.certificate),
                pri_key_filepath=str(kit.private_key),
                ca_filepath=str(kit.ca_file) if kit.ca_file else None,
                endpoint=kit.host,
                port=kit.port,
                client_id=kit.thing_name,
                will=self._status_packet("lost"),
                keep_alive_interval_sec=KEEP_ALIVE_SECONDS,
                ping_timeout_ms=PING_TIMEOUT_MS,
                ack_timeout_sec=ACK_TIMEOUT_SECONDS,
                retry_jitter_mode=mqtt5.ExponentialBackoffJitterMode.FULL,
                min_reconnect_delay_ms=MIN_RECONNECT_MS,
                max_reconnect_delay_ms=MAX_RECONNECT_MS,
                extended_validation_and_flow_control_options=(
                    flow.AWS_IOT_CORE_DEFAULTS if within_quota else flow.NONE
                ),
                enable_metrics_collection=False,
                on_publish_received=self._on_publish,
                on_lifecycle_connection_success=self._on_success,
                on_lifecycle_connection_failure=self._on_failure,
                on_lifecycle_disconnection=self._on_disconnection,
                on_lifecycle_stopped=lambda _: self._stopped.set(),
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise KitError(unusable(kit, error)) from error

    def __enter__(self) -> Connection:
        self._client.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Publish the final status and disconnect, so that the broker does not send the will."""
        if self.connected:
            goodbye = self._client.publish(self._status_packet("stopped"))
            wait([goodbye], timeout=STOP_SECONDS)  # stop() drops unsent messages
        self._client.stop(mqtt5.DisconnectPacket())
        self._stopped.wait(STOP_SECONDS)

    def publish(self, topic: str, payload: bytes) -> Future[int]:
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        return _mapped(self._client.publish(packet), lambda done: int(done.puback.reason_code))

    def subscribe(self, topics: Sequence[str], on_message: OnMessage) -> Future[Sequence[int]]:
        self._on_message = on_message
        subscriptions = [mqtt5.Subscription(topic, mqtt5.QoS.AT_LEAST_ONCE) for topic in topics]
        answer = self._client.subscribe(mqtt5.SubscribePacket(subscriptions))
        return _mapped(answer, lambda done: [int(code) for code in done.reason_codes])

    def report(self, facts: Mapping[str, object]) -> None:
        self._facts = dict(facts)
        if self.connected:
            self._client.publish(self._status_packet("online"))

    def _status_packet(self, status: str) -> mqtt5.PublishPacket:
        return mqtt5.PublishPacket(
            topic=status_topic(self._kit.thing_name),
            payload=self._status(status),
            qos=mqtt5.QoS.AT_LEAST_ONCE,
            retain=True,
        )

    def _on_publish(self, data: mqtt5.PublishReceivedData) -> None:
        self._on_message(data.publish_packet.topic, data.publish_packet.payload or b"")

    def _on_success(self, _: mqtt5.LifecycleConnectSuccessData) -> None:
        self._client.publish(self._status_packet("started"))
        self._began()

    def _on_disconnection(self, data: mqtt5.LifecycleDisconnectData) -> None:
        packet = data.disconnect_packet
        if packet is None:
            self._ended(_text(data.exception))
        else:
            code = packet.reason_code
            self._ended(f"the broker ended the session: {code.name}", int(code))

    def _on_failure(self, data: mqtt5.LifecycleConnectFailureData) -> None:
        packet = data.connack_packet
        if packet is not None:
            self._failed(packet.reason_code.name, code=int(packet.reason_code))
        else:
            trouble = _text(data.exception)
            self._failed(trouble, network=trouble.startswith(_NO_NETWORK), tls="TLS" in trouble)


def _mapped(answer: Future[Any], function: Callable[[Any], Result]) -> Future[Result]:
    """Return a future of the function's value for the SDK's result."""
    mapped: Future[Result] = Future()

    def complete(done: Future[Any]) -> None:
        if (error := done.exception()) is not None:
            mapped.set_exception(error)
        else:
            mapped.set_result(function(done.result()))

    answer.add_done_callback(complete)
    return mapped


def _text(error: BaseException | None) -> str:
    if isinstance(error, AwsCrtError):
        return f"{error.name}: {error.message}"
    return str(error)
