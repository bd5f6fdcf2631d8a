"""Provisions a new device with its serial number and a claim certificate that many devices share.

An interrupted claim leaves either no kit or a complete one, and running it again completes it: key
and secret are on disk before the first request, and AWS accepts the same secret again.
"""

from __future__ import annotations

import json
import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.messages.provisioning import REQUEST_TOKEN, SERIAL_NUMBER
from contracts.messages.telemetry import is_thing_name
from contracts.names import Names
from device.certificates.identity import forget_others, new_key, signing_request, write_identity
from device.certificates.signing import Issued, NotAllowedError, confirm, request_certificate
from device.errors import KitError, ProvisioningError
from device.mqtt.exchange import Exchange
from device.mqtt.kit import (
    CA,
    CERTIFICATE,
    PRIVATE_KEY,
    SETTINGS,
    Broker,
    ConnectionKit,
    write_private,
)
from device.settings_files import read_settings

CLAIM_SETTINGS = "claim.json"
DRAFTS = ".claims"


@dataclass(frozen=True)
class ClaimKit:
    """The files that a device is delivered with: a claim certificate, and the broker's address.

    Parameters
    ----------
    template
        Provisioning template that the claim certificate may use.
    ca
        Name of the CA file in the folder; None is the system's trust store.
    """

    folder: Path
    template: str
    host: str
    port: int
    ca: str | None

    @property
    def certificate(self) -> Path:
        return self.folder / CERTIFICATE

    @property
    def private_key(self) -> Path:
        return self.folder / PRIVATE_KEY

    @property
    def ca_file(self) -> Path | None:
        return self.folder / self.ca if self.ca else None

    @property
    def broker(self) -> Broker:
        return Broker(self.host, self.port, self.ca_file)

    @classmethod
    def load(cls, folder: Path) -> ClaimKit:
        """Read a claim kit.

        Raises
        ------
        KitError
            The folder is not a complete claim kit.
        """
        path = folder / CLAIM_SETTINGS
        try:
            kit = cls(folder=folder, **read_settings(path, cls))
        except (OSError, ValueError) as error:
            raise KitError(
                f"no claim kit in {folder} ({error}); an operator makes one by `claim-kit`"
            ) from error
        needed = [kit.certificate, kit.private_key, *([kit.ca_file] if kit.ca_file else [])]
        if missing := [file.name for file in needed if not file.is_file()]:
            raise KitError(f"claim kit {folder} lacks {', '.join(missing)}; take a whole copy")
        return kit

    @classmethod
    def make(
        cls, iot: Any, names: Names, broker: Broker, folder: Path, label: str = "claim"
    ) -> ClaimKit:
        """Register a new claim certificate, and write a kit with it.

        Parameters
        ----------
        iot
            boto3 client of AWS IoT.
        label
            Common name of the certificate's subject.

        Raises
        ------
        KitError
            The folder can't be written.
        """
        key = new_key()
        made = iot.create_certificate_from_csr(
            certificateSigningRequest=signing_request(key, label, names.claim_template),
            setAsActive=True,
        )
        iot.attach_policy(policyName=names.claim_policy, target=made["certificateArn"])
        ca = CA if broker.ca_file else None
        settings = {"template": names.claim_template, "host": broker.host, "port": broker.port}
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            if broker.ca_file:
                write_private(folder / CA, broker.ca_file.read_text())
            write_private(folder / PRIVATE_KEY, key)
            write_private(folder / CERTIFICATE, made["certificatePem"])
            write_private(
                folder / CLAIM_SETTINGS,
                json.dumps(settings | {"ca": ca}, indent=2, allow_nan=False),
            )
        except OSError as error:
            raise KitError(f"claim kit {folder}: {error}") from error
        return cls.load(folder)


@dataclass(frozen=True)
class Draft:
    """Data of a claim in progress: the device's key, and the secret that identifies the device."""

    path: Path
    private_key: str = field(repr=False)
    token: str = field(repr=False)

    @classmethod
    def open(cls, kits: Path, serial_number: str) -> Draft:
        """Read the draft of an earlier claim, or write a new one to disk.

        Raises
        ------
        KitError
            The draft can't be read or written.
        """
        path = kits / DRAFTS / f"{serial_number}.json"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                made = {"private_key": new_key(), "token": secrets.token_hex(32)}
                write_private(path, json.dumps(made, allow_nan=False))
            return cls(path=path, **read_settings(path, cls))
        except (OSError, ValueError) as error:
            raise KitError(f"{path}: {error}") from error


def claim(
    claim_kit: ClaimKit, serial_number: str, kits: Path, *, again: bool = False
) -> ConnectionKit:
    """Claim a certificate for this device and write its connection kit.

    Parameters
    ----------
    kits
        Folder of the connection kits.
    again
        Whether to claim even if the device has a kit; its outbox is kept.

    Raises
    ------
    ProvisioningError
        The serial number is invalid or not allowed, or the template does not exist.
    KitError
        There is already a kit, or it can't be written.
    RefusedError, UnreachableError
        The broker does not accept the claim certificate, or does not answer.
    """
    if not is_thing_name(serial_number):
        raise ProvisioningError(
            f"a serial number is 1 to 128 of a-z A-Z 0-9 : _ -; got {serial_number!r}"
        )
    unfinished = (kits / DRAFTS / f"{serial_number}.json").exists()
    if (kits / serial_number / SETTINGS).exists() and not (again or unfinished):
        raise KitError(
            f"{serial_number} has a kit in {kits / serial_number}; `lakecast device rotate` renews "
            "its certificate, --again claims another"
        )
    draft = Draft.open(kits, serial_number)
    parameters = {SERIAL_NUMBER: serial_number, REQUEST_TOKEN: draft.token}
    try:
        with Exchange(claim_kit, f"claim-{uuid.uuid4().hex}") as exchange:
            issued = request_certificate(
                exchange, claim_kit.template, parameters, draft.private_key, serial_number
            )
    except NotAllowedError as error:
        raise NotAllowedError(
            f"AWS IoT does not provision {serial_number} ({error}): it is not on the allow-list, "
            "its time there is over, or another device has used it. An operator sees which by "
            "`lakecast device allowed`"
        ) from error
    kit = _write(kits, issued, draft, claim_kit.broker)
    confirm(kit)
    forget_others(kit)
    draft.path.unlink()
    return kit


def _write(kits: Path, issued: Issued, draft: Draft, broker: Broker) -> ConnectionKit:
    configuration = issued.configuration
    names = ("environment", "account_id")
    if missing := [name for name in names if not isinstance(configuration.get(name), str)]:
        raise ProvisioningError(
            f"the provisioning template's device configuration lacks {' and '.join(missing)}"
        )
    folder = kits / issued.thing_name
    kit = ConnectionKit(
        folder=folder,
        thing_name=issued.thing_name,
        environment=configuration["environment"],
        account_id=configuration["account_id"],
        certificate_id=issued.certificate_id,
        host=broker.host,
        port=broker.port,
        ca=None,
        identity=write_identity(
            folder, issued.certificate_id, issued.certificate, draft.private_key
        ),
    )
    return kit.save(broker)
