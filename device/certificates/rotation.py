"""Replaces a device's certificate; the request is authenticated with the present one.

The device always has a valid certificate: it connects with the new certificate before the kit names
it, and AWS deactivates the present one only after a session with the new one has confirmed it.
After an interruption, a rotation starts from the beginning and also deactivates what was left.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from contracts.names import Names
from device.certificates.identity import forget_others, has_others, new_key, write_identity
from device.certificates.signing import confirm, request_certificate
from device.errors import OutboxBusyError, ProvisioningError
from device.mqtt.exchange import Exchange
from device.mqtt.kit import Broker, ConnectionKit
from device.outbox.store import Outbox


@dataclass(frozen=True)
class Rotation:
    """The result of a rotation; if none was due, the kit's certificate is unchanged."""

    kit: ConnectionKit
    renewed: bool
    switched_off: list[str]


def rotate(kit: ConnectionKit, now: datetime, older_than: timedelta = timedelta(0)) -> Rotation:
    """Renew the certificate if it is older than ``older_than``; complete an interrupted rotation.

    Raises
    ------
    OutboxBusyError
        The agent runs: a second session of this device would end the agent's.
    ProvisioningError
        AWS IoT rejected the request. The device keeps its certificate.
    RefusedError, UnreachableError
        The broker did not accept a certificate, or did not answer.
    """
    try:
        with Outbox(kit.outbox, expire=False):
            return _rotate(kit, due=_age(kit, now) >= older_than)
    except OutboxBusyError as error:
        raise OutboxBusyError(
            f"{error}; a rotation needs the device's only session: stop the agent, rotate, and "
            "start it again"
        ) from error


def _rotate(kit: ConnectionKit, *, due: bool) -> Rotation:
    if due:
        kit = _renewed(kit)
    elif not has_others(kit):
        return Rotation(kit, renewed=False, switched_off=[])
    switched_off = confirm(kit)
    forget_others(kit)
    return Rotation(kit, renewed=due, switched_off=switched_off)


def _renewed(kit: ConnectionKit) -> ConnectionKit:
    """Return the kit with a new certificate that the broker has accepted."""
    template = Names(kit.environment, kit.account_id, region="").rotation_template
    private_key = new_key()
    with Exchange(kit, kit.thing_name) as exchange:
        issued = request_certificate(exchange, template, {}, private_key, kit.thing_name)
    if issued.thing_name != kit.thing_name:
        raise ProvisioningError(
            f"expected a certificate for {kit.thing_name}; got one for {issued.thing_name}"
        )
    renewed = dataclasses.replace(
        kit,
        certificate_id=issued.certificate_id,
        identity=write_identity(kit.folder, issued.certificate_id, issued.certificate, private_key),
    )
    with Exchange(renewed, kit.thing_name):
        pass  # the broker accepts the new certificate
    return renewed.save(Broker(kit.host, kit.port, kit.ca_file))


def _age(kit: ConnectionKit, now: datetime) -> timedelta:
    certificate = x509.load_pem_x509_certificate(kit.certificate.read_bytes())
    return now - certificate.not_valid_before_utc
