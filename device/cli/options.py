"""Options shared by several commands of a device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from contracts.names import ENVIRONMENTS
from device.agent.batching import MAX_READINGS, Batching
from device.mqtt.kit import MQTT_PORT
from device.mqtt.transports import TRANSPORTS
from device.outbox.retention import Limits

KITS = Path(".lakecast/devices")
CLAIM_KIT = Path(".lakecast/claim")

_MAX_DAYS = 36_500


def _finite(_: object, value: float | None) -> None:
    if value is not None and not 0 <= value < math.inf:
        raise ValueError(f"expected seconds, 0 or more; got {value:g}")


Kits = Annotated[Path, Parameter(help="Folder of kits.")]
Thing = Annotated[str, Parameter(help="The device's IoT thing.")]
Environment = Annotated[str, Parameter(choices=ENVIRONMENTS, help="Environment of the estate.")]
Seed = Annotated[int, Parameter(help="Seed of the simulation.")]
Seconds = Annotated[float, Parameter(validator=_finite)]
Positive = Annotated[int, Parameter(validator=Number(gte=1))]
Natural = Annotated[int, Parameter(validator=Number(gte=0))]
Days = Annotated[float, Parameter(validator=Number(gte=0, lte=_MAX_DAYS))]
Readings = Annotated[int, Parameter(validator=Number(gte=1, lte=MAX_READINGS))]


@Parameter(name="*")
@dataclass(frozen=True)
class BrokerOptions:
    """Address and certificate authority of the broker.

    Parameters
    ----------
    env
        Environment of the estate.
    mqtt_host
        Host of the broker; default: the account's iot:Data-ATS endpoint.
    mqtt_port
        Port of the broker.
    mqtt_ca_file
        File of the broker's certificate authority; default: the system's trust store.
    """

    env: Environment = "local"
    mqtt_host: str | None = None
    mqtt_port: int = MQTT_PORT
    mqtt_ca_file: Path | None = None


@Parameter(name="*")
@dataclass(frozen=True)
class SendingOptions:
    """Storage and transmission of readings.

    Parameters
    ----------
    drain
        Seconds to wait for acknowledgements when stopped.
    transport
        MQTT library: the AWS IoT Device SDK, or Paho in pure Python.
    keep_days
        Days after which waiting messages are dropped.
    keep_mb
        Megabytes of waiting messages above which the oldest are dropped.
    batch_readings
        Number of readings per message; default: 1.
    batch_seconds
        Seconds after which a message is sent even if it is not full.
    basic_ingest
        Send readings only to the estate's rule, without messaging charge and subscribers.
    """

    drain: Seconds = 10.0
    transport: Annotated[str, Parameter(choices=TRANSPORTS)] = TRANSPORTS[0]
    keep_days: Positive = Limits().max_age.days
    keep_mb: Positive = Limits().max_bytes // (1024 * 1024)
    batch_readings: Readings | None = None
    batch_seconds: Seconds | None = None
    basic_ingest: bool = False

    @property
    def limits(self) -> Limits:
        return Limits(self.keep_mb * 1024 * 1024, timedelta(days=self.keep_days))

    @property
    def batching(self) -> Batching:
        """Returns the batching; either bound alone enables it."""
        unbounded = 1 if self.batch_seconds is None else MAX_READINGS
        wait = None if self.batch_seconds is None else timedelta(seconds=self.batch_seconds)
        return Batching(self.batch_readings or unbounded, wait)
