"""Serves ministack and the added services on 127.0.0.1.

Importing this module imports ministack, which reads its settings from environment variables at
import; `localcloud.server.process` sets them first.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve as serve_http
from hypercorn.config import Config
from ministack import app as ministack

from localcloud.cloud.context import CloudContext, Service
from localcloud.cloud.home import (
    LOOPBACK,
    CloudConfig,
    Credentials,
    client_environment,
    write_environment,
)
from localcloud.ministack import answers, api_gateway, athena_delta, mqtt
from localcloud.server import access, admission, doors
from localcloud.server.application import Application
from localcloud.services import glue, sagemaker
from localcloud.services.cloudwatch.alarms import Alarms
from localcloud.services.cloudwatch.metrics import Meter
from localcloud.services.costexplorer.service import CostExplorer
from localcloud.services.eventbridge import events
from localcloud.services.firehose import service as firehose
from localcloud.services.iot import provisioning
from localcloud.services.iot.rules import Rules
from localcloud.services.servicequotas.service import ServiceQuotas
from localcloud.services.stepfunctions import service as stepfunctions

logger = logging.getLogger("localcloud")

PROJECT = Path(__file__).resolve().parents[2]


def run(config: CloudConfig, credentials: Credentials) -> None:
    """Serves until SIGTERM or SIGINT, then saves all state."""
    asyncio.run(_serve(config, credentials))


def _context(config: CloudConfig) -> CloudContext:
    return CloudContext(
        home=config.home.absolute(),
        endpoint_url=config.endpoint_url,
        region=config.region,
        account_id=config.account_id,
        project=PROJECT,
        python=Path(sys.executable),
        environment=dict(os.environ),
    )


def _correct_ministack(config: CloudConfig) -> None:
    access.require_signatures()
    doors.install(config.region)
    answers.install()
    api_gateway.install()
    athena_delta.install()
    events.install()
    mqtt.listen_on_loopback_only()
    provisioning.install()


async def _serve(config: CloudConfig, credentials: Credentials) -> None:
    listener = socket.create_server((LOOPBACK, config.port))  # fails before anything starts
    ready = asyncio.Event()
    _correct_ministack(config)
    context = _context(config)
    meter = Meter()
    streams = firehose.register(context, meter)
    Rules(streams, context.endpoint_url, meter).install()
    alarms = Alarms()
    alarms.install()
    services: list[Service] = [
        meter,
        alarms,
        streams,
        glue.register(context),
        sagemaker.register(context),
        ServiceQuotas(context),
        CostExplorer(context),
        stepfunctions.register(context),
    ]
    for service in services:
        ministack.SERVICE_HANDLERS.update(service.handlers)
    admission.install(ministack.SERVICE_HANDLERS)

    async def started() -> None:
        access.create_administrator(config, credentials)
        config.ca_file.write_text(await mqtt.certificate_authority())
        for service in services:
            await service.start()
        ready.set()

    stop = asyncio.Event()

    async def stopped() -> None:
        """Stops the services and returns; until then the server serves their requests."""
        await stop.wait()
        for service in reversed(services):
            try:
                await service.stop()
            except Exception:  # the state of the other services must be saved
                logger.exception("%s failed to stop", type(service).__name__)

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    settings = Config()
    settings.bind = [f"fd://{listener.detach()}"]
    settings.keep_alive_timeout = 75
    settings.shutdown_timeout = 120
    settings.graceful_timeout = 5
    application = Application(started)
    mqtt.notify_of_state_changes(application.note_change)
    served: Any = application  # hypercorn's type also covers ASGI 2
    serving = asyncio.create_task(serve_http(served, settings, shutdown_trigger=stopped))
    announcing = asyncio.create_task(
        _announce(config, client_environment(config, credentials), ready)
    )
    done, _ = await asyncio.wait({serving, announcing}, return_when=asyncio.FIRST_COMPLETED)
    if announcing in done:
        announcing.result()
    announcing.cancel()
    await serving


async def _announce(config: CloudConfig, variables: dict[str, str], ready: asyncio.Event) -> None:
    """Writes the cloud's address to its home folder once both ports accept connections."""
    await ready.wait()
    while not mqtt.is_listening():
        if ministack._iot_mtls_state == "degraded":
            raise RuntimeError(f"port {config.mqtt_port} for MQTT could not be bound")
        await asyncio.sleep(0.05)
    write_environment(config, variables)
    record = {
        "pid": os.getpid(),
        "port": config.port,
        "mqtt_port": config.mqtt_port,
        "since": time.time(),
    }
    draft = config.record_file.with_suffix(".draft")
    draft.write_text(json.dumps(record, allow_nan=False))
    draft.replace(config.record_file)
    logger.info("ready on %s, MQTT on port %d", config.endpoint_url, config.mqtt_port)
