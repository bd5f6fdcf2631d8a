"""Sends requests to AWS IoT over MQTT and waits for the responses, which have their own topics.

Always uses Paho, which runs on every station: these sessions are short, and need neither the
agent's last will nor its reconnection.
"""

from __future__ import annotations

import json
import queue
import re
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from contracts.json_text import parsed
from device.errors import AnswerError, DeviceError, KitError, RefusedError, UnreachableError

TIMEOUT_SECONDS = 15.0
"""AWS IoT waits five seconds for a provisioning hook."""

_T = TypeVar("_T")

_FIRST_ERROR = 0x80
_GLANCE_SECONDS = 0.2


class Credentials(Protocol):
    """The credentials of a connection: a connection kit or a claim kit."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def ca_file(self) -> Path | None: ...
    @property
    def certificate(self) -> Path: ...
    @property
    def private_key(self) -> Path: ...


@dataclass(frozen=True)
class Answer:
    """A response, with the topic that it was received on."""

    topic: str
    document: dict[str, Any]

    @classmethod
    def of(cls, topic: str, payload: bytes) -> Answer:
        """Read a response.

        Raises
        ------
        AnswerError
            The payload is not a JSON object.
        """
        try:
            document = parsed(payload)
        except ValueError as error:
            raise AnswerError(f"{topic}: {error}") from None
        if not isinstance(document, dict):
            raise AnswerError(f"{topic}: expected a JSON object; got {document!r:.40}")
        return cls(topic, document)

    def text(self, name: str, pattern: str = r".+") -> str:
        """Return a member that is a text.

        Parameters
        ----------
        pattern
            Regular expression of the whole text.

        Raises
        ------
        AnswerError
            It is missing, no text, or another text.
        """
        value = self.document.get(name)
        if not isinstance(value, str) or re.fullmatch(pattern, value, re.DOTALL) is None:
            raise AnswerError(
                f"{self.topic}: expected {name}, a text like {pattern}; got {value!r:.40}"
            )
        return value


class Exchange:
    """One MQTT session for requests; a context manager.

    Entering raises `UnreachableError` if the broker can't be reached and `RefusedError` if it does
    not accept this client.
    """

    def __init__(
        self, credentials: Credentials, client_id: str, *, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        self._credentials = credentials
        self._client_id = client_id
        self._timeout = timeout
        self._acknowledged: queue.Queue[list[int]] = queue.Queue()
        self._answers: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._over = threading.Event()
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        client.on_connect = lambda _c, _d, _f, code, _p: self._acknowledged.put([code.value])
        client.on_publish = lambda _c, _d, _m, code, _p: self._acknowledged.put([code.value])
        client.on_subscribe = lambda _c, _d, _m, codes, _p: self._acknowledged.put(
            [code.value for code in codes]
        )
        client.on_message = self._on_message
        client.on_disconnect = lambda *_: self._over.set()
        ca_file = credentials.ca_file
        try:
            client.tls_set(
                ca_certs=str(ca_file) if ca_file else None,
                certfile=str(credentials.certificate),
                keyfile=str(credentials.private_key),
            )
        except (OSError, ValueError) as error:
            raise KitError(
                f"{credentials.certificate.parent}: certificate, key or CA can't be used ({error})"
            ) from error

    def __enter__(self) -> Exchange:
        where = f"{self._credentials.host}:{self._credentials.port}"
        try:
            self._client.connect(self._credentials.host, self._credentials.port)
        except ssl.SSLError as error:
            raise RefusedError(f"no TLS session with {where}: {error}") from error
        except (OSError, ValueError) as error:  # a host or port that can't exist is a ValueError
            raise UnreachableError(f"{where} can't be reached: {error}") from error
        self._client.loop_start()
        try:
            self._acknowledgement(f"the certificate {self._credentials.certificate}")
        except DeviceError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def ask(
        self, topic: str, request: Mapping[str, object], response_topics: Sequence[str]
    ) -> Answer:
        """Subscribe to the response topics, publish a request, and wait for a response.

        Raises
        ------
        RefusedError
            The client is not authorized to subscribe or publish, or the session ended.
        UnreachableError
            There was no response before the timeout.
        AnswerError
            The response is not a JSON object.
        """
        self._client.subscribe([(one, 1) for one in response_topics])
        self._acknowledgement(f"subscribing to {', '.join(response_topics)}")
        self._client.publish(topic, json.dumps(request, allow_nan=False), qos=1)
        self._acknowledgement(f"publishing on {topic}")
        while True:
            answered_on, payload = self._next(self._answers, f"response to {topic}")
            if answered_on in response_topics:
                return Answer.of(answered_on, payload)

    def _acknowledgement(self, what: str) -> None:
        for code in self._next(self._acknowledged, f"acknowledgement of {what}"):
            if code >= _FIRST_ERROR:
                raise RefusedError(
                    f"{self._credentials.host}:{self._credentials.port} refuses {what} to "
                    f"{self._client_id}: reason code {code:#x}"
                )

    def _next(self, source: queue.Queue[_T], what: str) -> _T:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return source.get(timeout=_GLANCE_SECONDS)
            except queue.Empty:
                pass
            if self._over.is_set() and source.empty():
                raise RefusedError(
                    f"{self._credentials.host}:{self._credentials.port} hung up: no {what}; "
                    "check that the certificate is active and its policy allows this"
                )
            if time.monotonic() > deadline:
                raise UnreachableError(f"timed out after {self._timeout:.0f} s: no {what}")

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        # Paho's thread would end at an error; the caller reads the response.
        self._answers.put((message.topic, bytes(message.payload)))
