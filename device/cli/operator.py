"""Commands for operators, which need AWS credentials."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import boto3
from cyclopts import Group, Parameter
from cyclopts.validators import LimitedChoice, mutually_exclusive
from rich.console import Console
from rich.table import Table

from contracts.names import Names
from device.agent.sampling import interval_of
from device.certificates.claim import ClaimKit
from device.cli.options import CLAIM_KIT, KITS, BrokerOptions, Days, Environment, Kits, Thing
from device.errors import ProvisioningError
from device.mqtt.kit import Broker
from device.operator import revocation
from device.operator.allow_list import AllowList, Entry
from device.operator.provisioning import Provisioner, broker_of
from device.operator.sampling_interval import desire_interval, sampling_state

_DESIRED = Group("Change", validator=mutually_exclusive)
_ALLOWED = Group("Change", validator=mutually_exclusive)
_REVOKED = Group("Whom, one of", validator=LimitedChoice(1, 1))


def provision(*, thing: Thing, broker: BrokerOptions = BrokerOptions(), kits: Kits = KITS) -> None:
    """Register a device and write its kit (operator)."""
    kit = provisioner_of(broker).provision(thing, kits / thing)
    print(
        f"{kit.thing_name} may connect to {kit.host}:{kit.port}; its kit is {kit.folder}\n"
        f"next: lakecast device run --thing {kit.thing_name}"
    )


def provisioner_of(broker: BrokerOptions) -> Provisioner:
    """Returns the provisioner of one environment's devices for one broker."""
    session, names = _account(broker.env)
    iot = session.client("iot")
    return Provisioner(iot, names, _broker(iot, broker))


def _interval(_: object, seconds: float | None) -> None:
    if seconds is not None:
        interval_of(seconds)


def interval(
    *,
    thing: Thing,
    seconds: Annotated[float | None, Parameter(group=_DESIRED, validator=_interval)] = None,
    unset: Annotated[bool, Parameter(group=_DESIRED)] = False,
) -> None:
    """Show or set the sampling interval (operator).

    Parameters
    ----------
    seconds
        Seconds from one reading to the next, 0.25 to 86400.
    unset
        Remove the interval, so that the device uses its own --delay again.
    """
    iot_data = boto3.Session().client("iot-data")
    if seconds is not None or unset:
        desire_interval(iot_data, thing, None if seconds is None else interval_of(seconds))
        print(f"{thing} receives it now, or when it connects")
    print(f"{thing}: {sampling_state(iot_data, thing)}")


def claim_kit(
    *, broker: BrokerOptions = BrokerOptions(), out: Path = CLAIM_KIT, label: str = "claim"
) -> None:
    """Make a claim kit for new devices (operator).

    Parameters
    ----------
    out
        Folder to write.
    label
        Common name of the certificate's subject, to recognise it by.
    """
    session, names = _account(broker.env)
    iot = session.client("iot")
    kit = ClaimKit.make(iot, names, _broker(iot, broker), out, label)
    print(
        f"claim kit {kit.folder}: copy it to the device\n"
        "next: lakecast device allow --serial SERIAL"
    )


def allow(
    *,
    serial: Annotated[tuple[str, ...], Parameter(consume_multiple=(1, None))],
    thing: str | None = None,
    days: Days | None = None,
    again: Annotated[bool, Parameter(group=_ALLOWED)] = False,
    remove: Annotated[bool, Parameter(group=_ALLOWED)] = False,
    env: Environment = "local",
) -> None:
    """Allow serial numbers to claim a certificate (operator).

    Parameters
    ----------
    serial
        Serial numbers of devices.
    thing
        Name of the device; default: its serial number.
    days
        Days until the permission expires; default: never.
    again
        Allow a serial number that has been used.
    remove
        Remove the serial numbers from the list.
    """
    if thing and len(serial) > 1:
        raise ProvisioningError(f"--thing names one device; got {len(serial)} of them")
    allow_list = _allow_list(env)
    until = datetime.now(UTC) + timedelta(days=days) if days else None
    for serial_number in serial:
        if remove:
            allow_list.remove(serial_number)
            print(f"{serial_number} is not on the list")
        else:
            entry = Entry(serial_number, thing or serial_number, until)
            allow_list.allow(entry, again=again)
            print(f"{serial_number} may claim {entry.thing_name}")


def allowed(*, env: Environment = "local") -> None:
    """List serial numbers and their use (operator)."""
    table = Table("serial number", "thing", "may claim until", "used at")
    for entry in sorted(_allow_list(env).entries(), key=lambda entry: entry.serial_number):
        table.add_row(
            entry.serial_number, entry.thing_name, _moment(entry.expires_at), _moment(entry.used_at)
        )
    Console().print(table)


def revoke(
    *,
    thing: Annotated[str | None, Parameter(group=_REVOKED)] = None,
    claims: Annotated[bool, Parameter(group=_REVOKED)] = False,
    env: Environment = "local",
) -> None:
    """Cut off a device, or all claims (operator).

    Parameters
    ----------
    thing
        Device to cut off.
    claims
        All claim certificates.
    """
    session, names = _account(env)
    iot = session.client("iot")
    if thing is None:  # all claims: `_REVOKED` requires one of the two
        revoked = revocation.revoke_claims(iot, names)
        print(f"{len(revoked)} claim certificate(s) revoked; nobody claims with them any more")
        return
    revocation.revoke_thing(iot, thing)
    closed = _allow_list(env).close(thing, datetime.now(UTC))
    revoked = revocation.revoke_thing(iot, thing)  # again, for certificates issued in between
    for certificate in revoked:
        print(f"revoked {certificate}")
    print(
        f"{thing} has {len(revoked)} certificate(s), none of which connects any more; "
        f"serial numbers closed: {', '.join(closed) or 'none'}"
    )


def _account(environment: str) -> tuple[Any, Names]:
    session = boto3.Session()
    return session, Names.from_aws(session, environment)


def _broker(iot: Any, options: BrokerOptions) -> Broker:
    return broker_of(iot, options.mqtt_host, options.mqtt_port, options.mqtt_ca_file)


def _allow_list(environment: str) -> AllowList:
    session, names = _account(environment)
    return AllowList(session.client("dynamodb"), names.allow_list_table)


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "–"
