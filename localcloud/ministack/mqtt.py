"""Makes ministack's MQTT broker require client certificates, as IoT Core does, on loopback only.

ministack's listener binds every interface and accepts clients without a certificate. The two
functions responsible are replaced; the rest of the broker is unchanged.
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
    """Makes ministack's broker bind 127.0.0.1 and require a client certificate."""
    build_context = iot._mtls_build_ssl_context

    def require_certificate() -> ssl.SSLContext:
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

    iot._mtls_build_ssl_context = require_certificate
    iot._mtls_start_locked = bind


def notify_of_state_changes(notify: Callable[[], None]) -> None:
    """Calls ``notify`` for each message that changes the cloud's stored state.

    These are retained messages and requests to AWS IoT itself, such as shadow updates and new
    certificates. Basic Ingest messages are not stored.
    """
    publish = iot.broker_publish

    async def publish_and_notify(  # noqa: PLR0917 - ministack's signature
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
            notify()
        await publish(account, region, topic, payload, qos, retain, *rest, **more)

    iot.broker_publish = publish_and_notify


def is_listening() -> bool:
    """Whether the broker listens on its port."""
    return iot._mtls_server is not None


async def certificate_authority() -> str:
    """Returns the broker's certificate authority in PEM, which the first call creates."""
    pem: str = await asyncio.to_thread(iot.get_ca_cert_pem)
    return pem
