"""Connects ten thousand devices to this machine's broker, and compares them with one bare client.

Each device is a separate thing with its own TLS connection and MQTT 5 session of the AWS IoT Device
SDK. It publishes at QoS 1 on its own topic, which the device policy allows to no other device.
`THINGS` devices share a certificate, as AWS allows, because ten thousand keys would take the local
cloud longer than the rest. If open files or memory are not sufficient, fewer devices connect, and
the output says so. All messages pass the same topic rule and Firehose stream; at the end, every
message must be in S3.

The baseline is one bare paho-mqtt client, which publishes as many messages over one connection::

    .venv/bin/python benchmarks/fleet.py [--devices 10000] [--messages 5]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[1]
# The tests have a minimal estate from MQTT to S3, which is used here.
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "integration")]

from awscrt import io, mqtt5  # noqa: E402
from ingestion import by_paho, cloud, machine, payloads  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import track  # noqa: E402
from rich.table import Table  # noqa: E402

from contracts.messages.telemetry import topic  # noqa: E402
from device.mqtt.kit import ConnectionKit  # noqa: E402
from device.sensors.readings import Message  # noqa: E402
from localcloud.cloud.launch import LocalCloudError  # noqa: E402
from tests.support import telemetry_estate as telemetry  # noqa: E402
from tests.support.device.field import Field  # noqa: E402

THINGS = 100  # devices per certificate
BUCKET = "fleet-benchmark"
PATIENCE = 600.0
AT_ONCE = 64  # connections in progress
SPARE_FILES = 500
MEMORY_PER_DEVICE = 600 * 1024  # bytes, broker and SDK together
BASELINE = "baseline"

One = TypeVar("One")


class Device:
    """A connected thing that publishes.

    Parameters
    ----------
    slots
        Semaphore that is held while it connects.
    """

    def __init__(
        self,
        name: str,
        kit: ConnectionKit,
        tls: io.ClientTlsContext,
        slots: threading.Semaphore,
        on_connected: Callable[[], None],
    ) -> None:
        self.name = name
        self._slots = slots
        self._on_connected = on_connected
        self._connected = False
        self._stopped = threading.Event()
        self._client = mqtt5.Client(
            mqtt5.ClientOptions(
                host_name=kit.host,
                port=kit.port,
                tls_ctx=tls,
                connect_options=mqtt5.ConnectPacket(client_id=name, keep_alive_interval_sec=1200),
                extended_validation_and_flow_control_options=(
                    mqtt5.ExtendedValidationAndFlowControlOptions.NONE
                ),
                on_lifecycle_event_connection_success_fn=self._note_connected,
                on_lifecycle_event_stopped_fn=lambda _: self._stopped.set(),
            )
        )

    def connect(self) -> None:
        """Start to connect once there is a slot."""
        assert self._slots.acquire(timeout=PATIENCE)
        self._client.start()

    def publish(self, payload: bytes) -> Any:
        """Publish a message; return the future of its acknowledgement."""
        return self._client.publish(
            mqtt5.PublishPacket(
                topic=topic(self.name), payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE
            )
        )

    def stop(self) -> None:
        self._client.stop()

    def await_end(self) -> None:
        assert self._stopped.wait(PATIENCE)

    def _note_connected(self, _: object) -> None:
        if not self._connected:  # not after a reconnect
            self._connected = True
            self._slots.release()
            self._on_connected()


def feasible(requested: int) -> tuple[int, str]:
    """Return the number of devices that can be connected, and its limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the local cloud inherits it
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    bounds = {
        "as requested": requested,
        f"limited by {hard:,} open files": hard - SPARE_FILES,
        f"limited by {memory / 2**30:.1f} GiB of free memory": memory // MEMORY_PER_DEVICE,
    }
    reason = min(bounds, key=lambda each: bounds[each])
    return bounds[reason], reason


def provision(site: Field, names: list[str], progress: Callable[..., Iterable[One]]) -> list[Any]:
    """Create all things; return the kit of each, whose certificate `THINGS` of them share."""
    iot = site.aws.client("iot")
    kits = []
    for start in progress(range(0, len(names), THINGS), description="provisioning"):
        kit = site.kit(f"keys-{start // THINGS}")
        certificate = iot.describe_certificate(certificateId=kit.certificate_id)
        arn = certificate["certificateDescription"]["certificateArn"]

        def register(name: str, arn: str = arn) -> None:
            iot.create_thing(thingName=name)
            iot.attach_thing_principal(thingName=name, principal=arn)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(register, names[start : start + THINGS]))
        kits += [kit] * len(names[start : start + THINGS])
    return kits


def connected(names: list[str], kits: list[ConnectionKit], progress: Any) -> list[Device]:
    """Connect all devices."""
    contexts: dict[Path, io.ClientTlsContext] = {}
    slots, left, done = threading.Semaphore(AT_ONCE), [len(names)], threading.Event()
    lock = threading.Lock()

    def count() -> None:
        with lock:
            left[0] -= 1
        if not left[0]:
            done.set()

    devices = []
    for name, kit in progress(list(zip(names, kits, strict=True)), description="connecting"):
        if kit.folder not in contexts:
            options = io.TlsContextOptions.create_client_with_mtls_from_path(
                str(kit.certificate), str(kit.private_key)
            )
            options.override_default_trust_store_from_path(None, str(kit.ca_file))
            contexts[kit.folder] = io.ClientTlsContext(options)
        devices.append(Device(name, kit, contexts[kit.folder], slots, count))
        devices[-1].connect()
    assert done.wait(PATIENCE), f"{left[0]} of {len(names)} devices did not connect"
    return devices


def publish_all(devices: list[Device], messages: dict[str, list[bytes]]) -> float:
    """Publish every device's messages in turns; return the seconds until all are acknowledged."""
    started = time.perf_counter()
    rounds = zip(*(messages[one.name] for one in devices), strict=True)
    acknowledged = [
        device.publish(payload)
        for payloads_ in rounds
        for device, payload in zip(devices, payloads_, strict=True)
    ]
    for one in acknowledged:
        one.result(PATIENCE)
    return time.perf_counter() - started


def landed(site: Field, expected: int) -> Counter[tuple[str, str, int]]:
    """Wait for a number of identities in S3, and return all of them."""
    deadline = time.monotonic() + PATIENCE
    while True:
        bodies = telemetry.objects(site.aws, BUCKET, "telemetry/").values()
        documents = [json.loads(line) for body in bodies for line in body.splitlines()]
        found = Counter((one["thing_name"], one["boot_id"], one["sequence"]) for one in documents)
        if len(found) >= expected or time.monotonic() > deadline:
            return found
        time.sleep(1)


def messages_of(names: list[str], each: int) -> dict[str, list[bytes]]:
    """Return payloads by device, each with a unique identity."""
    bodies = [json.loads(message.payload) for message in payloads(each)]
    return {
        name: [json.dumps(body | {"device_id": name}, allow_nan=False).encode() for body in bodies]
        for name in names
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=5, help="per device (%(default)s)")
    options = parser.parse_args()
    console = Console(highlight=False)
    console.print(f"machine: {machine()}")
    count, bound = feasible(options.devices)
    names = [f"device-{number:05d}" for number in range(count)]
    total = count * options.messages

    def progress(items: Any, description: str) -> Iterable[Any]:
        return track(items, description, console=console, disable=not console.is_terminal)

    try:
        with cloud() as site:
            telemetry.bucket(site.aws, BUCKET)
            stream = telemetry.stream(site.aws, BUCKET, BUCKET)
            telemetry.rule(site.aws, "fleet_benchmark", stream, BUCKET)
            alone = by_paho(site.kit(BASELINE), [Message(one.payload) for one in payloads(total)])
            baseline_lost = total - len(landed(site, total))
            started = time.perf_counter()
            devices = connected(names, provision(site, names, progress), progress)
            console.print(
                f"{len(devices):,} things with {len(devices):,} TLS connections ({bound}), "
                f"provisioned and connected in {time.perf_counter() - started:.0f} s"
            )
            started = time.perf_counter()
            acknowledged = publish_all(devices, messages_of(names, options.messages))
            found = landed(site, 2 * total - baseline_lost)
            in_lake = time.perf_counter() - started
            for device in devices:
                device.stop()
            for device in devices:
                device.await_end()
    except LocalCloudError as error:
        before = f" (after {error.__context__!r})" if error.__context__ else ""
        print(f"fleet: {error}{before}", file=sys.stderr)
        return 1
    lost = 2 * total - baseline_lost - len(found)
    table = Table("contestant", title=f"{total:,} messages, QoS 1")
    for heading in ("connections", "messages/s", "lost", "fleet ÷ it"):
        table.add_column(heading, justify="right")
    rate = total / acknowledged
    for name, connections, measured, gone in (
        (f"{count:,} devices", count, rate, lost),
        ("until all messages are in S3", count, total / in_lake, lost),
        ("bare paho-mqtt, one device", 1, total / alone, baseline_lost),
    ):
        ratio = f"{rate / measured:.2f}"
        table.add_row(name, f"{connections:,}", f"{measured:,.0f}", f"{gone:,}", ratio)
    console.print(table)
    return 1 if lost or baseline_lost else 0


if __name__ == "__main__":
    sys.exit(main())
