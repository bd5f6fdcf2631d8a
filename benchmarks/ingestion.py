"""Measures messages per second of the device agent and of bare MQTT clients with one broker.

The agent commits every message to its outbox on disk before it publishes and deletes it after its
PUBACK. The bare clients (paho-mqtt, and the AWS IoT Device SDK, which the agent uses) keep messages
in memory and lose them when they crash. All publish the same payloads at QoS 1 over one mutual-TLS
connection each, take turns within a run, and use the same topic rule, whose Firehose stream
delivers to S3. The last figure is the agent's rate until S3 has every message.

The benchmark starts a local cloud in a temporary folder::

    .venv/bin/python benchmarks/ingestion.py [--messages 10000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# The tests have a minimal estate from MQTT to S3, which is used here.
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "integration")]

from awscrt import mqtt5  # noqa: E402
from awsiot import mqtt5_client_builder  # noqa: E402
from paho.mqtt import client as paho  # noqa: E402
from paho.mqtt.enums import CallbackAPIVersion  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from contracts.messages.telemetry import topic  # noqa: E402
from device.agent.loop import Agent  # noqa: E402
from device.agent.pace import Pace  # noqa: E402
from device.agent.publishing import WINDOW  # noqa: E402
from device.mqtt.aws_sdk import Connection  # noqa: E402
from device.mqtt.kit import ConnectionKit  # noqa: E402
from device.outbox.store import Outbox  # noqa: E402
from device.sensors.readings import Boot, Message  # noqa: E402
from device.sensors.simulation import FIRST_HOUR, HOUR, SITES, SimulatedRecording  # noqa: E402
from localcloud.cloud.launch import LocalCloudError  # noqa: E402
from tests.support import telemetry_estate as telemetry  # noqa: E402
from tests.support.device.field import Field, field_with_estate  # noqa: E402

TIMEOUT = 600.0
BUCKET = "ingestion-benchmark"

Contestant = Callable[[ConnectionKit, list[Message]], float]


def by_agent(kit: ConnectionKit, messages: list[Message]) -> float:
    """Return the seconds until the outbox has been filled and emptied."""
    wake, pace = threading.Event(), Pace(patience=timedelta(seconds=TIMEOUT))
    with (
        Outbox(kit.outbox) as outbox,
        Connection(kit, within_quota=False, on_change=wake.set) as link,
    ):
        _await(lambda: link.connected)
        started = time.perf_counter()
        agent = Agent(outbox, link, topic(kit.thing_name), pace, wake=wake)
        tally = agent.run(iter(messages), threading.Event())
        taken = time.perf_counter() - started
    assert tally.acknowledged == len(messages)
    return taken


def by_paho(kit: ConnectionKit, messages: list[Message]) -> float:
    """Return the seconds until paho-mqtt has every PUBACK, with the agent's window size."""
    connected, done, acknowledged = threading.Event(), threading.Event(), [0]

    def count(*_: Any) -> None:
        acknowledged[0] += 1
        if acknowledged[0] == len(messages):
            done.set()

    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id=kit.thing_name, protocol=paho.MQTTv5
    )
    client.tls_set(str(kit.ca_file), str(kit.certificate), str(kit.private_key))
    client.max_inflight_messages_set(WINDOW)
    client.on_connect = lambda *_: connected.set()
    client.on_publish = count
    client.connect(kit.host, kit.port)
    client.loop_start()
    assert connected.wait(TIMEOUT)
    started = time.perf_counter()
    for message in messages:
        client.publish(topic(kit.thing_name), message.payload, qos=1)
    assert done.wait(TIMEOUT)
    taken = time.perf_counter() - started
    client.disconnect()
    client.loop_stop()
    return taken


def by_sdk(kit: ConnectionKit, messages: list[Message]) -> float:
    """Return the seconds until the bare AWS IoT Device SDK has every PUBACK."""
    connected, stopped = threading.Event(), threading.Event()
    client = mqtt5_client_builder.mtls_from_path(
        cert_filepath=str(kit.certificate),
        pri_key_filepath=str(kit.private_key),
        ca_filepath=str(kit.ca_file),
        endpoint=kit.host,
        port=kit.port,
        client_id=kit.thing_name,
        extended_validation_and_flow_control_options=(
            mqtt5.ExtendedValidationAndFlowControlOptions.NONE
        ),
        on_lifecycle_connection_success=lambda _: connected.set(),
        on_lifecycle_stopped=lambda _: stopped.set(),
    )
    client.start()
    assert connected.wait(TIMEOUT)
    started = time.perf_counter()
    publishes = [
        client.publish(
            mqtt5.PublishPacket(
                topic=topic(kit.thing_name),
                payload=message.payload,
                qos=mqtt5.QoS.AT_LEAST_ONCE,
            )
        )
        for message in messages
    ]
    for publish in publishes:
        publish.result(TIMEOUT)
    taken = time.perf_counter() - started
    client.stop()
    assert stopped.wait(TIMEOUT)
    return taken


CONTESTANTS: dict[str, Contestant] = {
    "device agent, outbox on disk": by_agent,
    "bare paho-mqtt": by_paho,
    "bare AWS IoT Device SDK": by_sdk,
}


class Lake:
    """Counts the messages in S3; reads each object once."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._lines: dict[str, int] = {}

    def count(self) -> int:
        """Count the messages in the raw bucket."""
        s3 = self._session.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for entry in page.get("Contents", []):
                if (key := entry["Key"]) not in self._lines:
                    body = telemetry.objects(self._session, BUCKET, key)[key]
                    self._lines[key] = body.count(b"\n")
        return sum(self._lines.values())


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"timed out after {TIMEOUT:.0f} s"
        time.sleep(0.01)


def payloads(count: int) -> list[Message]:
    """Return readings of one station, as its agent sends them."""
    site = SITES[0]
    recording = SimulatedRecording(site, FIRST_HOUR, FIRST_HOUR + 2 * count * HOUR)
    boot = Boot.of_recording(site.station.name, recording.source)
    return list(islice(boot.messages(site.station, recording.readings()), count))


def measure(site: Field, count: int, rounds: int) -> tuple[dict[str, list[float]], list[float]]:
    """Return the messages per second of each contestant, and of the agent until S3, by round."""
    telemetry.bucket(site.aws, BUCKET)
    stream = telemetry.stream(site.aws, "ingestion-benchmark", BUCKET)
    telemetry.rule(site.aws, "ingestion_benchmark", stream, BUCKET)
    messages, lake, expected = payloads(count), Lake(site.aws), 0
    rates: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    to_lake: list[float] = []
    for round_number in range(rounds):
        # The order changes in each round, so that no contestant always runs warm.
        names = list(CONTESTANTS)
        for name in names[round_number % 3 :] + names[: round_number % 3]:
            kit = site.kit(f"contestant-{names.index(name)}")
            started = time.perf_counter()
            rates[name].append(count / CONTESTANTS[name](kit, messages))
            expected += count
            _await(lambda total=expected: lake.count() >= total)  # idle before the next one starts
            if CONTESTANTS[name] is by_agent:
                to_lake.append(count / (time.perf_counter() - started))
    return rates, to_lake


@contextmanager
def cloud() -> Iterator[Field]:
    """Start a local cloud in a temporary folder."""
    with (
        tempfile.TemporaryDirectory(prefix="lakecast-ingestion-") as folder,
        field_with_estate(Path(folder)) as site,
    ):
        yield site


def machine() -> str:
    """Describe processor cores, memory and software in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; load {os.getloadavg()[0]:.1f}"
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--messages", type=int, default=10_000, help="per contestant and round (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    console = Console()
    console.print(f"machine: {machine()}", highlight=False)
    try:
        with cloud() as site:
            rates, to_lake = measure(site, options.messages, options.rounds)
    except LocalCloudError as error:
        print(f"ingestion: {error}", file=sys.stderr)
        return 1
    table = Table("contestant", title=f"{options.messages:,} messages, QoS 1, one connection")
    for heading in ("messages/s", "slowest", "fastest", "agent ÷ it"):
        table.add_column(heading, justify="right")
    agent = statistics.median(rates[next(iter(CONTESTANTS))])
    for name, measured in [*rates.items(), ("device agent, until all are in S3", to_lake)]:
        median = statistics.median(measured)
        figures = (median, min(measured), max(measured))
        table.add_row(name, *(f"{figure:,.0f}" for figure in figures), f"{agent / median:.2f}")
    console.print(table)
    console.print(f"median of {options.rounds} rounds; a ratio above 1: the agent is faster")
    return 0


if __name__ == "__main__":
    sys.exit(main())
