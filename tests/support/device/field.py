"""A local cloud with devices, an observer of their topics, and a relay that cuts connections."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from paho.mqtt import client as paho

from contracts.messages.device_shadow import shadow_topic
from contracts.messages.provisioning import CREATE_CERTIFICATE_TOPIC, register_topic
from contracts.messages.telemetry import basic_ingest_topic, status_topic, topic
from contracts.names import Names
from device.mqtt.kit import Broker, ConnectionKit
from device.operator.provisioning import Provisioner
from localcloud.cloud.launch import LocalCloud, running
from tests.support.sessions import session_of

ENVIRONMENT = "staging"
TIMEOUT = 60.0
THING = "${iot:Connection.Thing.ThingName}"


def await_that(condition: Callable[[], Any], what: str, timeout: float = TIMEOUT) -> Any:
    """Wait for a condition and return its first true value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"timed out after {timeout:.0f} s: {what}"
        time.sleep(0.02)
    return value


def all_acknowledged(out: str) -> int:
    """Readings that an agent says it has taken, all of which the broker has acknowledged."""
    told = re.search(r"(\d+) readings taken, (\d+) acknowledged", out)
    assert told and told[1] == told[2], out
    return int(told[1])


@dataclass
class Field:
    """A local cloud, its names, and the folder of connection kits."""

    cloud: LocalCloud
    aws: boto3.Session
    names: Names
    folder: Path

    @property
    def broker(self) -> Broker:
        env = self.cloud.env
        return Broker(
            env["LAKECAST_MQTT_HOST"],
            int(env["LAKECAST_MQTT_PORT"]),
            Path(env["LAKECAST_MQTT_CA_FILE"]),
        )

    def provisioner(self, broker: Broker | None = None) -> Provisioner:
        return Provisioner(self.aws.client("iot"), self.names, broker or self.broker)

    def kit(self, thing_name: str, broker: Broker | None = None) -> ConnectionKit:
        """Provision a device."""
        return self.provisioner(broker).provision(thing_name, self.folder / thing_name)

    def allow(self, policy: str, allowed: dict[str, list[str]]) -> None:
        """Create an IoT policy of actions and their allowed resources."""
        statements = [
            {"Effect": "Allow", "Action": action, "Resource": resources}
            for action, resources in allowed.items()
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.aws.client("iot").create_policy(policyName=policy, policyDocument=document)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``lakecast device`` as a separate process."""
        return subprocess.Popen(
            [sys.executable, "-m", "lakecast", "device", *arguments, f"--kits={self.folder}"],
            stdin=subprocess.PIPE,
            env=os.environ | self.cloud.env | {"LAKECAST_ENV": ENVIRONMENT},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``lakecast device`` to its end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=TIMEOUT)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@contextmanager
def field_with_estate(home: Path) -> Iterator[Field]:
    """Start a cloud with the estate's thing type and device policies."""
    with running(home=home / "cloud") as cloud:
        aws = session_of(cloud)
        names = Names.from_aws(aws, ENVIRONMENT)
        aws.client("iot").create_thing_type(thingTypeName=names.thing_type)
        site = Field(cloud, aws, names, home / "devices")
        arn = f"arn:aws:iot:{names.region}:{names.account_id}"
        shadow = shadow_topic(THING, "")
        published = [
            topic(THING),
            basic_ingest_topic(names.topic_rule, THING),
            status_topic(THING),
            f"{shadow}get",
            f"{shadow}update",
        ]
        site.allow(
            names.device_policy,
            {
                "iot:Connect": [f"{arn}:client/{THING}"],
                "iot:Publish": [f"{arn}:topic/{one}" for one in published],
                "iot:RetainPublish": [f"{arn}:topic/{status_topic(THING)}"],
                "iot:Subscribe": [f"{arn}:topicfilter/{shadow}*"],
                "iot:Receive": [f"{arn}:topic/{shadow}*"],
            },
        )
        renewed = (CREATE_CERTIFICATE_TOPIC, register_topic(names.rotation_template))
        site.allow(names.renewal_policy, {"iot:Publish": [f"{arn}:topic/{one}" for one in renewed]})
        site.allow("observer", {"iot:*": ["*"]})
        yield site


def await_written(kit: ConnectionKit, readings: int) -> None:
    """Wait until a running agent has stored more than a number of readings.

    Its lock prevents other processes from reading, but each reading makes the log longer.
    """
    log, sizes = kit.outbox.with_name(f"{kit.outbox.name}-wal"), set[int]()

    def written() -> bool:
        if log.exists():
            sizes.add(log.stat().st_size)
        return len(sizes) > readings + 2  # two writes create the file

    await_that(written, "readings on disk")


@dataclass
class Observer:
    """Everything that was published on ``telemetry/+`` and ``status/+``."""

    payloads: dict[str, list[bytes]] = field(default_factory=dict)

    def messages(self, thing_name: str) -> list[dict[str, Any]]:
        """Return the telemetry messages that are JSON."""
        found = []
        for payload in list(self.payloads.get(f"telemetry/{thing_name}", ())):
            with suppress(json.JSONDecodeError):
                found.append(json.loads(payload))
        return found

    def readings(self, thing_name: str) -> list[dict[str, Any]]:
        """Return the readings of all messages, with batches split."""
        return [
            {**message, **reading}
            for message in self.messages(thing_name)
            for reading in message.get("readings", [{}])
        ]

    def identities(self, thing_name: str) -> set[tuple[str, int]]:
        return {(r["boot_id"], r["sequence"]) for r in self.readings(thing_name)}

    def statuses(self, thing_name: str) -> list[str]:
        return [document["status"] for document in self.status_documents(thing_name)]

    def status_documents(self, thing_name: str) -> list[dict[str, Any]]:
        return [json.loads(body) for body in list(self.payloads.get(f"status/{thing_name}", ()))]


@contextmanager
def observing(site: Field) -> Iterator[Observer]:
    """Subscribe as a thing that may read everything, with another MQTT library than the agent's."""
    kit = site.kit("observer")
    iot = site.aws.client("iot")
    certificate = iot.describe_certificate(certificateId=kit.certificate_id)
    arn = certificate["certificateDescription"]["certificateArn"]
    iot.attach_policy(policyName="observer", target=arn)
    observer, subscribed = Observer(), threading.Event()

    def note(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        observer.payloads.setdefault(message.topic, []).append(message.payload)

    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2, client_id=kit.thing_name, protocol=paho.MQTTv5
    )
    client.tls_set(str(kit.ca_file), str(kit.certificate), str(kit.private_key))
    client.on_message = note
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect(kit.host, kit.port)
    client.loop_start()
    client.subscribe([("telemetry/+", 1), ("status/+", 1)])
    assert subscribed.wait(TIMEOUT)
    try:
        yield observer
    finally:
        client.disconnect()
        client.loop_stop()


class Wire:
    """A TCP relay to the broker that cuts connections after a number of bytes from the device.

    Parameters
    ----------
    cuts
        Maximum number of bytes of each connection in turn; later connections are not cut.
    """

    def __init__(self, broker: Broker, cuts: list[int]) -> None:
        self._broker = broker
        self._cuts = list(cuts)
        self.times_cut = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def broker(self) -> Broker:
        return Broker("127.0.0.1", self.port, self._broker.ca_file)

    def close(self) -> None:
        """Stop accepting connections."""
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                device, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(device,), daemon=True).start()

    def _carry(self, device: socket.socket) -> None:
        left = self._cuts.pop(0) if self._cuts else None
        with device, socket.create_connection((self._broker.host, self._broker.port)) as broker:
            threading.Thread(target=_pump, args=(broker, device), daemon=True).start()
            with suppress(OSError):
                while chunk := device.recv(4096):
                    broker.sendall(chunk)
                    if left is not None and (left := left - len(chunk)) < 0:
                        self.times_cut += 1
                        break
            for end in (device, broker):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError, ssl.SSLError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
