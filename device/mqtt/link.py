"""The connection's interface to the agent, independent of the MQTT library.

`Session` holds the common state of both libraries' connections: whether there is a session, whether
a retry can succeed, and the device's status. AWS requires the thing's name as the client id:
https://docs.aws.amazon.com/iot/latest/developerguide/thing-policy-variables.html
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol

from contracts.messages.telemetry import status_topic
from device.clock import is_set
from device.mqtt.kit import ConnectionKit
from device.sensors.readings import rfc3339

KEEP_ALIVE_SECONDS = 30
MIN_RECONNECT_MS = 250
MAX_RECONNECT_MS = 30_000
STOP_SECONDS = 5.0

UNEXPLAINED_FAILURES = 4
"""Number of times that the broker may close the connection without a reason before the first
session. AWS does so if a certificate is unknown or inactive, or its policy denies connecting."""

FIRST_ERROR = 0x80
"""MQTT 5 reason codes below this mean success."""

NOT_AUTHORIZED = 0x87
SESSION_TAKEN_OVER = 0x8E
_NEVER = (
    0x84,  # unsupported protocol version
    0x85,  # client identifier not valid
    0x86,  # bad user name or password
    NOT_AUTHORIZED,
    0x8A,  # banned
    0x8C,  # bad authentication method
)


OnMessage = Callable[[str, bytes], None]
"""A function that receives a topic and a payload."""


class Link(Protocol):
    """A connection as the agent uses it."""

    @property
    def connected(self) -> bool:
        """Whether there is a session now."""

    @property
    def refusal(self) -> str | None:
        """Reason why a retry can't succeed; None while it may."""

    @property
    def trouble(self) -> str | None:
        """Reason why there is no session now, if known."""

    @property
    def sessions(self) -> int:
        """Number of sessions so far."""

    @property
    def room(self) -> int:
        """Number of messages that may be published now."""

    def publish(self, topic: str, payload: bytes) -> Future[int]:
        """Publish at QoS 1; the result is the PUBACK's reason code."""

    def subscribe(self, topics: Sequence[str], on_message: OnMessage) -> Future[Sequence[int]]:
        """Subscribe at QoS 1 for this session; the result is the SUBACK's reason codes.

        The library's thread calls ``on_message`` for every message of any topic.
        """

    def report(self, facts: Mapping[str, object]) -> None:
        """Publish the device's status, retained; the final status repeats these facts."""


class Transport(Link, Protocol):
    """A link as a context manager, which publishes a final status at its end."""

    def __enter__(self) -> Link:
        """Start to connect."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Publish the final status and disconnect, so that the broker does not send the will."""


class Session:
    """The known state of a device's session; base class of the connections."""

    def __init__(self, kit: ConnectionKit, on_change: Callable[[], None]) -> None:
        self._kit = kit
        self._on_change = on_change
        self._connected = threading.Event()
        self._failures = 0
        self._facts: Mapping[str, object] = {}
        self._on_message: OnMessage = lambda _topic, _payload: None
        self.sessions = 0
        self.refusal: str | None = None
        self.trouble: str | None = None

    @property
    def connected(self) -> bool:
        return self._connected.is_set()

    def _status(self, status: str) -> bytes:
        """Build the status document; a last will has no time or facts, as it is sent later."""
        document: dict[str, object] = {"thing_name": self._kit.thing_name, "status": status}
        if status != "lost":
            document |= {"at": rfc3339(datetime.now(UTC)), **self._facts}
        return json.dumps(document, allow_nan=False).encode()

    def _began(self) -> None:
        self.sessions += 1
        self._failures = 0
        self.trouble = None
        self._connected.set()
        self._on_change()

    def _ended(self, why: str, code: int | None = None) -> None:
        """Record the end of a session; ``code`` is the DISCONNECT's reason code, if any."""
        self._connected.clear()
        self.trouble = why
        if code == NOT_AUTHORIZED:
            self.refusal = self._refused("the broker ended the session: NOT_AUTHORIZED")
        elif code == SESSION_TAKEN_OVER:
            self.refusal = (
                f"another client connected as {self._kit.thing_name}; "
                "a connection kit serves one agent at a time"
            )
        self._on_change()

    def _failed(
        self, trouble: str, *, code: int | None = None, network: bool = False, tls: bool = False
    ) -> None:
        """Record a failed attempt to connect; before the first session, it may be a refusal.

        Parameters
        ----------
        code
            Reason code of the CONNACK; None without one.
        network, tls
            Whether the network failed, or the TLS handshake.
        """
        self._failures += 1
        self.trouble = trouble
        if code in _NEVER:
            self.refusal = self._refused(f"the broker answered {trouble}")
        elif self.sessions or network:
            pass
        elif not is_set(datetime.now(UTC)):  # an unset clock shows a time before any certificate's
            self.trouble = f"the clock is not set ({trouble})"
        elif tls:
            self.refusal = (
                f"no TLS session with {self._kit.host}:{self._kit.port} as "
                f"{self._kit.thing_name}: {trouble}; either the broker does not accept the "
                f"certificate in {self._kit.folder}, or its own is not signed by "
                f"{self._kit.ca_file or 'an authority that this system trusts'}"
            )
        elif self._failures >= UNEXPLAINED_FAILURES:
            self.refusal = self._refused(f"the broker hung up {self._failures} times ({trouble})")
        self._on_change()

    def _refused(self, how: str) -> str:
        kit, will = self._kit, status_topic(self._kit.thing_name)
        return (
            f"{kit.host}:{kit.port} refuses {kit.thing_name}: {how}; check that the certificate in "
            f"{kit.folder} is registered, active and has the device policy, and that the policy "
            f"allows {will}, the last will's topic, also retained"
        )


def unusable(kit: ConnectionKit, error: Exception) -> str:
    """Return the error message for a kit that the library rejects."""
    return (
        f"connection kit {kit.folder}: its certificate, key or CA can't be used "
        f"({error}); provision the device again"
    )
