"""What the agent needs of a connection, whichever MQTT library makes it.

`Session` holds what both libraries' connections share: whether there is a session, whether trying
again is any use, and what the device says of itself. AWS wants the thing's name for the client id:
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
"""So often the broker may hang up without a word before the first session; AWS does just that
when a certificate is unknown or not active, or its policy does not let the device connect."""

FIRST_ERROR = 0x80
"""Reason codes of MQTT 5 below it tell success."""

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
"""Takes a topic and a payload."""


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

    @property
    def sessions(self) -> int:
        """How many there have been so far."""

    @property
    def room(self) -> int:
        """How many messages may be published at this moment."""

    def publish(self, topic: str, payload: bytes) -> Future[int]:
        """Publish at QoS 1; the result is the PUBACK's reason code."""

    def subscribe(self, topics: Sequence[str], on_message: OnMessage) -> Future[Sequence[int]]:
        """Subscribe, for this session, at QoS 1; the result is the SUBACK's reason codes.

        ``on_message`` is called from the library's thread, with what comes on whichever topic.
        """

    def report(self, facts: Mapping[str, object]) -> None:
        """Publish how the device is, retained; its goodbye will say the same."""


class Transport(Link, Protocol):
    """A link that is open inside ``with``, and says goodbye at its end."""

    def __enter__(self) -> Link:
        """Begin to connect."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say goodbye and disconnect in order, so that the broker does not send the will."""


class Session:
    """A device's session, as far as it is known; base of the connections."""

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
        """The status document; the last will can't know when it will be sent, or what then is."""
        document: dict[str, object] = {"thing_name": self._kit.thing_name, "status": status}
        if status != "lost":
            document |= {"at": rfc3339(datetime.now(UTC)), **self._facts}
        return json.dumps(document).encode()

    def _began(self) -> None:
        self.sessions += 1
        self._failures = 0
        self.trouble = None
        self._connected.set()
        self._on_change()

    def _ended(self, why: str, code: int | None = None) -> None:
        """The session is over; ``code`` is the broker's DISCONNECT, None where there was none."""
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
        """No session came about; before the first one, that may well be a refusal.

        Parameters
        ----------
        code
            The broker's CONNACK, None where there was none.
        network, tls
            Whether it was for a network that does not reach the broker, or for certificates.
        """
        self._failures += 1
        self.trouble = trouble
        if code in _NEVER:
            self.refusal = self._refused(f"the broker answered {trouble}")
        elif self.sessions or network:
            pass
        elif not is_set(datetime.now(UTC)):  # to such a clock no certificate is valid yet
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
            f"{kit.host}:{kit.port} refuses {kit.thing_name}: {how}; see that the certificate in "
            f"{kit.folder} is registered, active and has the device policy, and that the policy "
            f"allows {will}, the last will's topic, retained too"
        )


def unusable(kit: ConnectionKit, error: Exception) -> str:
    """What to say of a kit that the library refuses."""
    return (
        f"connection kit {kit.folder}: its certificate, key or CA can't be used "
        f"({error}); provision the device anew"
    )
