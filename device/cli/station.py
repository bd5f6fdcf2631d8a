"""Commands that run on a station; they need no AWS credentials."""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from device.agent.loop import Agent
from device.agent.pace import MIN_DELAY, Pace
from device.agent.sampling import SamplingShadow
from device.certificates import rotation
from device.certificates.claim import ClaimKit
from device.certificates.claim import claim as claim_certificate
from device.cli import doctor as examination
from device.cli import output
from device.cli.options import (
    CLAIM_KIT,
    KITS,
    Days,
    Kits,
    Natural,
    Seed,
    SendingOptions,
    Thing,
)
from device.cli.signals import stop_on_signals
from device.clock import SystemClock
from device.errors import SensorError
from device.mqtt.kit import ConnectionKit
from device.mqtt.transports import transport
from device.outbox.store import Outbox
from device.sensors.plugins import Feed, Setting, guarded, open_sensor
from device.sensors.readings import Boot
from device.sensors.simulation import SITES

_SITES = tuple(site.station.name for site in SITES)
_MIN_DELAY = MIN_DELAY / timedelta(milliseconds=1)
_MAX_DELAY = timedelta.max / timedelta(milliseconds=1)


def run(
    *,
    thing: Thing,
    delay: Annotated[float, Parameter(validator=Number(gte=_MIN_DELAY, lt=_MAX_DELAY))] = 1000.0,
    heartbeat: Natural = 60,
    sensor: str = "simulated",
    option: tuple[str, ...] = (),
    site: Annotated[str, Parameter(choices=_SITES)] = _SITES[0],
    seed: Seed = 0,
    sending: SendingOptions = SendingOptions(),
    kits: Kits = KITS,
) -> None:
    """Read a sensor and publish until stopped.

    Parameters
    ----------
    delay
        Milliseconds between readings, at least 250.
    heartbeat
        Seconds between reports of the device's state on its status topic; 0 is never.
    sensor
        Sensor to read: simulated, csv, stdin, or another one that is installed.
    option
        KEY=VALUE of the sensor, any number of times; see device/README.md.
    site
        Surroundings to simulate.
    """
    kit = ConnectionKit.load(kits / thing)
    clock = SystemClock()
    given = {"site": site, "seed": str(seed), **dict(_pair(text) for text in option)}
    opened = open_sensor(sensor, Setting(kit.thing_name, given, clock))
    self_paced = bool(getattr(opened, "self_paced", False))
    pace = Pace(
        None if self_paced else timedelta(milliseconds=delay),
        drain=timedelta(seconds=sending.drain),
        heartbeat=timedelta(seconds=heartbeat) if heartbeat else None,
        self_paced=self_paced,
    )
    stop, wake = stop_on_signals(), threading.Event()
    boot = Boot.new(kit.thing_name)
    messages = guarded(boot.live_messages(opened.station, opened.readings(), clock))
    with (
        Outbox(kit.outbox, sending.limits) as outbox,
        transport(sending.transport, kit, within_quota=True, on_change=wake.set) as link,
        output.live(kit, link) as (progress, tell),
    ):
        agent = Agent(
            outbox,
            link,
            kit.topic(basic_ingest=sending.basic_ingest),
            pace,
            wake=wake,
            progress=progress,
            about={"boot_id": str(boot.boot_id), "transport": sending.transport},
            clock=clock,
            batching=sending.batching,
            sampling=SamplingShadow(
                kit.thing_name, pace.delay, memory=kit.desired_interval, wake=wake, tell=tell
            ),
        )
        tally = agent.run(Feed(messages, wake.set) if self_paced else messages, stop)
    output.live_end(kit, tally)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise SensorError(f"--option: expected KEY=VALUE; got {text!r}")
    return key, value


def doctor(*, thing: Thing, kits: Kits = KITS) -> int:
    """Check everything that a device needs to publish."""
    kit = ConnectionKit.load(kits / thing)
    ill = output.findings(kit, examination.examine(kit, SystemClock()))
    if not ill:
        return 0
    print(f"lakecast device doctor: {', '.join(ill)}: see above", file=sys.stderr)
    return 1


def claim(
    *,
    serial: Annotated[str, Parameter(help="The device's serial number.")],
    claim_kit: Annotated[
        Kits, Parameter(help="The claim kit, as `claim-kit` makes it.")
    ] = CLAIM_KIT,
    again: bool = False,
    kits: Kits = KITS,
) -> None:
    """Get a certificate with the claim kit.

    Parameters
    ----------
    again
        Claim a new certificate even if the device has a kit.
    """
    kit = claim_certificate(ClaimKit.load(claim_kit), serial, kits, again=again)
    print(
        f"{serial} is {kit.thing_name} and may connect to {kit.host}:{kit.port}; its kit "
        f"is {kit.folder}\nnext: lakecast device run --thing {kit.thing_name}"
    )


def rotate(*, thing: Thing, older_than: Days = 0.0, kits: Kits = KITS) -> None:
    """Replace the device's key and certificate.

    Parameters
    ----------
    older_than
        Replace the certificate only if it is older than this number of days.
    """
    kit = ConnectionKit.load(kits / thing)
    done = rotation.rotate(kit, datetime.now(UTC), timedelta(days=older_than))
    if not (done.renewed or done.switched_off):
        print(f"{kit.thing_name} keeps certificate {kit.certificate_id}: it is not that old")
        return
    print(
        f"{kit.thing_name} connects with certificate {done.kit.certificate_id}; "
        f"switched off: {', '.join(done.switched_off) or 'none'}"
    )
