"""IoT Core's MQTT broker as AWS runs it: for clients with a certificate, and here on loopback only.

ministack's listener binds every interface and admits clients without a certificate. Both functions
that decide so are replaced; everything else of the broker stays.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any

from ministack.services import iot

from localcloud.cloud.home import LOOPBACK

logger = logging.getLogger("localcloud.ministack.mqtt")


def listen_on_loopback_only() -> None:
    """Have ministack's broker bind 127.0.0.1 and demand a client certificate."""
    build_context = iot._mtls_build_ssl_context

    def demand_a_certificate() -> ssl.SSLContext:
        context: ssl.SSLContext = build_context()
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    async def bind() -> None:
        if iot._mtls_server is not None:
            return
        loop = asyncio.get_running_loop()
        iot._mtls_server = await loop.create_server(
            iot._MtlsAcceptor, host=LOOPBACK, port=iot._mtls_port()
        )
        iot._mtls_loop = loop

    iot._mtls_build_ssl_context = demand_a_certificate
    iot._mtls_start_locked = bind


def note_what_lasts(note: Callable[[], None]) -> None:
    """Call ``note`` for each message that changes what the cloud keeps.

    These are retained messages and those that ask AWS IoT itself for something: a shadow to be
    updated, a certificate to be made. Basic Ingest is not among them: its messages only pass by.
    """
    publish = iot.broker_publish

    async def publish_and_note(  # noqa: PLR0917 - ministack's signature
        account: str,
        region: str,
        topic: str,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        *rest: Any,
        **more: Any,
    ) -> None:
        if retain or (topic.startswith("$aws/") and not topic.startswith(iot._BASIC_INGEST_PREFIX)):
            note()
        await publish(account, region, topic, payload, qos, retain, *rest, **more)

    iot.broker_publish = publish_and_note


def is_listening() -> bool:
    """Whether the broker has its port."""
    return iot._mtls_server is not None


async def certificate_authority() -> str:
    """The broker's certificate authority, PEM; made at first use."""
    pem: str = await asyncio.to_thread(iot.get_ca_cert_pem)
    return pem
