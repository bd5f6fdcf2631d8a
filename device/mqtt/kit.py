"""The connection kit: a folder, readable only by its owner, with all a device needs to connect."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from contracts.messages.telemetry import basic_ingest_topic, topic
from contracts.names import topic_rule
from device.errors import KitError
from device.settings_files import read_settings

SETTINGS = "device.json"
CERTIFICATE = "certificate.pem"
PRIVATE_KEY = "private.key"
CA = "ca.pem"
OUTBOX = "outbox.sqlite3"
DESIRED_INTERVAL = "desired-interval.json"

MQTT_PORT = 8883


@dataclass(frozen=True)
class Broker:
    """The broker's address.

    Parameters
    ----------
    ca_file
        Certificate authority of the broker's certificate. None uses the system's trust store, which
        has Amazon Root CA 1 to 4 on current systems, so AWS needs none.
    """

    host: str
    port: int = MQTT_PORT
    ca_file: Path | None = None


@dataclass(frozen=True)
class ConnectionKit:
    """A kit's folder and the content of its ``device.json``.

    Parameters
    ----------
    account_id, environment
        Account and environment in which the certificate is registered.
    ca
        Name of the CA file in the folder; None uses the system's trust store.
    identity
        Subfolder of certificate and key; empty if they are in the kit's folder. A new identity is a
        new subfolder, so that replacing ``device.json`` switches to it atomically.
    """

    folder: Path
    thing_name: str
    environment: str
    account_id: str
    certificate_id: str
    host: str
    port: int
    ca: str | None
    identity: str = ""

    @property
    def certificate(self) -> Path:
        return self.folder / self.identity / CERTIFICATE

    @property
    def private_key(self) -> Path:
        return self.folder / self.identity / PRIVATE_KEY

    @property
    def ca_file(self) -> Path | None:
        return self.folder / self.ca if self.ca else None

    @property
    def outbox(self) -> Path:
        return self.folder / OUTBOX

    @property
    def desired_interval(self) -> Path:
        return self.folder / DESIRED_INTERVAL

    def topic(self, *, basic_ingest: bool = False) -> str:
        """Return the topic of readings: the broker's, or by Basic Ingest the estate's rule."""
        if basic_ingest:
            return basic_ingest_topic(topic_rule(self.environment), self.thing_name)
        return topic(self.thing_name)

    @classmethod
    def load(cls, folder: Path) -> ConnectionKit:
        """Read a kit and check that it is complete.

        Raises
        ------
        KitError
            A file is missing or ``device.json`` is not what `save` writes.
        """
        path = folder / SETTINGS
        if not path.is_file():
            raise KitError(
                f"no connection kit in {folder}; run `lakecast device provision`, or `claim`, first"
            )
        try:
            kit = cls(folder=folder, **read_settings(path, cls))
        except (OSError, ValueError) as error:
            raise KitError(f"{path}: {error}; delete the folder and provision again") from error
        needed = [kit.certificate, kit.private_key, *([kit.ca_file] if kit.ca_file else [])]
        if missing := [file.name for file in needed if not file.is_file()]:
            raise KitError(
                f"connection kit {folder} lacks {', '.join(missing)}; provision the device again"
            )
        return kit

    def save(self, broker: Broker) -> ConnectionKit:
        """Write ``device.json`` and the CA file for a broker; return the updated kit.

        Raises
        ------
        KitError
            The broker's CA file can't be read, or the folder can't be written.
        """
        kit = ConnectionKit(
            **{field.name: getattr(self, field.name) for field in fields(self)}
            | {"host": broker.host, "port": broker.port, "ca": CA if broker.ca_file else None}
        )
        try:
            if broker.ca_file:
                write_private(self.folder / CA, broker.ca_file.read_text(encoding="ascii"))
            document = asdict(kit)
            del document["folder"]
            write_private(
                self.folder / SETTINGS, json.dumps(document, indent=2, allow_nan=False) + "\n"
            )
        except OSError as error:
            raise KitError(f"connection kit {self.folder}: {error}") from error
        return kit


def write_private(path: Path, text: str) -> None:
    """Write a file atomically and durably, readable only by its owner."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
