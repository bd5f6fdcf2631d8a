"""MQTT 5 over mutual TLS, by the AWS IoT Device SDK.

The SDK reconnects by itself with full-jitter exponential backoff and publishes again, over the new
connection, what was not acknowledged. The client id is the thing's name, as AWS wants it for
policies with ``${iot:Connection.Thing.ThingName}``:
https://docs.aws.amazon.com/iot/latest/developerguide/thing-policy-variables.html
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, Protocol

from awscrt import mqtt5
from awscrt.exceptions import AwsCrtError
from awsiot import mqtt5_client_builder

from contracts.telemetry import status_topic
from device.errors import KitError
from device.kit import ConnectionKit

KEEP_ALIVE_SECONDS = 30
PING_TIMEOUT_MS = 10_000
ACK_TIMEOUT_SECONDS = 30
MIN_RECONNECT_MS = 250
MAX_RECONNECT_MS = 30_000
STOP_SECONDS = 5.0

UNEXPLAINED_FAILURES = 4
"""So often the broker may hang up without a word before the first session; AWS does just that
when a certificate is unknown or not active, or its policy does not let the device connect."""

_NEVER = (
    mqtt5.ConnectReasonCode.NOT_AUTHORIZED,
    mqtt5.ConnectReasonCode.BANNED,
    mqtt5.ConnectReasonCode.BAD_USERNAME_OR_PASSWORD,
    mqtt5.ConnectReasonCode.BAD_AUTHENTICATION_METHOD,
    mqtt5.ConnectReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
    mqtt5.ConnectReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
)
_NO_NETWORK = ("AWS_IO_SOCKET_CONNECTION_REFUSED", "AWS_IO_SOCKET_TIMEOUT", "AWS_IO_DNS")


class Link(Protocol):
    """What the agent needs of a connection."""

    @property
    def connected(self) -> bool:
        """Whether there is a session now."""

    @property
    def refusal(self) -> str | None:
        """Why trying again is no use; None while it may be."""

    @property
    def trouble(self) -> str | None:
        """Why there is no session now, as far as known."""

    def publish(self, topic: str, payload: bytes) -> Future[int]:
        """Publish at QoS 1; the result is the PUBACK's reason code."""


class Connection:
    """One device's session.

    Parameters
    ----------
    within_quota
        Keep AWS IoT Core's quotas of a connection (100 publishes and 512 KiB a second). Right for
        live devices; a replay to a broker without such quotas goes without.
    on_change
        Called, from the SDK's thread, when the session begins or ends.
    """

    def __init__(
        self,
        kit: ConnectionKit,
        *,
        within_quota: bool,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._kit = kit
        self._on_change = on_change
        self._session = threading.Event()
        self._stopped = threading.Event()
        self._ever_connected = False
        self._failures = 0
        self.refusal: str | None = None
        self.trouble: str | None = None
        flow = mqtt5.ExtendedValidationAndFlowControlOptions
        try:
            self._client = mqtt5_client_builder.mtls_from_path(
                cert_filepath=str(kit.certificate),
                pri_key_filepath=str(kit.private_key),
                ca_filepath=str(kit.ca_file) if kit.ca_file else None,
                endpoint=kit.host,
                port=kit.port,
                client_id=kit.thing_name,
                will=self._status("lost"),
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
                on_lifecycle_connection_success=self._succeeded,
                on_lifecycle_connection_failure=self._failed,
                on_lifecycle_disconnection=self._disconnected,
                on_lifecycle_stopped=lambda _: self._stopped.set(),
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise KitError(
                f"connection kit {kit.folder}: its certificate, key or CA can't be used "
                f"({error}); provision the device anew"
            ) from error

    @property
    def connected(self) -> bool:
        return self._session.is_set()

    def __enter__(self) -> Connection:
        self._client.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Say goodbye and disconnect in order, so that the broker does not send the will."""
        if self.connected:
            goodbye = self._client.publish(self._status("stopped"))
            wait([goodbye], timeout=STOP_SECONDS)  # the client drops what it has not sent
        self._client.stop(mqtt5.DisconnectPacket())
        self._stopped.wait(STOP_SECONDS)

    def publish(self, topic: str, payload: bytes) -> Future[int]:
        acknowledged: Future[int] = Future()

        def settle(done: Future[Any]) -> None:
            if (error := done.exception()) is not None:
                acknowledged.set_exception(error)
            else:
                acknowledged.set_result(int(done.result().puback.reason_code))

        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        self._client.publish(packet).add_done_callback(settle)
        return acknowledged

    def _status(self, status: str) -> mqtt5.PublishPacket:
        document = {"thing_name": self._kit.thing_name, "status": status}
        return mqtt5.PublishPacket(
            topic=status_topic(self._kit.thing_name),
            payload=json.dumps(document).encode(),
            qos=mqtt5.QoS.AT_LEAST_ONCE,
        )

    def _succeeded(self, _: mqtt5.LifecycleConnectSuccessData) -> None:
        self._ever_connected = True
        self._failures = 0
        self.trouble = None
        self._session.set()
        self._client.publish(self._status("started"))
        self._on_change()

    def _disconnected(self, data: mqtt5.LifecycleDisconnectData) -> None:
        self._session.clear()
        packet = data.disconnect_packet
        if packet is None:
            self.trouble = _text(data.exception)
        else:
            self.trouble = f"the broker ended the session: {packet.reason_code.name}"
            if packet.reason_code == mqtt5.DisconnectReasonCode.NOT_AUTHORIZED:
                self.refusal = self._refused("the broker ended the session: NOT_AUTHORIZED")
            if packet.reason_code == mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER:
                self.refusal = (
                    f"another client connected as {self._kit.thing_name}; "
                    "a connection kit serves one agent at a time"
                )
        self._on_change()

    def _failed(self, data: mqtt5.LifecycleConnectFailureData) -> None:
        self._failures += 1
        packet = data.connack_packet
        if packet is not None and packet.reason_code in _NEVER:
            self.trouble = packet.reason_code.name
            self.refusal = self._refused(f"the broker answered {packet.reason_code.name}")
        else:
            self.trouble = packet.reason_code.name if packet else _text(data.exception)
            self._judge(self.trouble)
        self._on_change()

    def _judge(self, trouble: str) -> None:
        """Before the first session: does this look like a refusal rather than a bad network?"""
        if self._ever_connected or trouble.startswith(_NO_NETWORK):
            return
        if "TLS" in trouble:
            self.refusal = (
                f"no TLS session with {self._kit.host}:{self._kit.port} as "
                f"{self._kit.thing_name}: {trouble}; either the broker does not accept the "
                f"certificate in {self._kit.folder}, or its own is not signed by "
                f"{self._kit.ca_file or 'an authority that this system trusts'}"
            )
        elif self._failures >= UNEXPLAINED_FAILURES:
            self.refusal = self._refused(f"the broker hung up {self._failures} times ({trouble})")

    def _refused(self, how: str) -> str:
        kit, will = self._kit, status_topic(self._kit.thing_name)
        return (
            f"{kit.host}:{kit.port} refuses {kit.thing_name}: {how}; see that the certificate in "
            f"{kit.folder} is registered, active and has the device policy, and that the policy "
            f"allows {will}, the last will's topic"
        )


def _text(error: BaseException | None) -> str:
    if isinstance(error, AwsCrtError):
        return f"{error.name}: {error.message}"
    return str(error)
