"""What the verbs about certificates do: a device's own, and an operator's."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

import boto3
from rich.console import Console
from rich.table import Table

from contracts.names import Names
from device.certificates.claim import ClaimKit
from device.certificates.claim import claim as claimed
from device.certificates.rotation import rotate as rotated
from device.errors import ProvisioningError
from device.mqtt.kit import ConnectionKit
from device.operator import revocation
from device.operator.allow_list import AllowList, Entry
from device.operator.provisioning import broker_of


def claim(options: argparse.Namespace) -> int:
    """Make this device's own key and certificate with a claim certificate."""
    claim_kit = ClaimKit.load(options.claim_kit)
    kit = claimed(claim_kit, options.serial, options.kits, again=options.again)
    print(
        f"{options.serial} is {kit.thing_name} and may connect to {kit.host}:{kit.port}; its kit "
        f"is {kit.folder}\nnext: lakecast-device run --thing {kit.thing_name}"
    )
    return 0


def rotate(options: argparse.Namespace) -> int:
    """Replace this device's key and certificate by new ones, and switch the old ones off."""
    kit = ConnectionKit.load(options.kits / options.thing)
    done = rotated(kit, datetime.now(UTC), options.older_than)
    if not (done.renewed or done.switched_off):
        print(f"{kit.thing_name} keeps certificate {kit.certificate_id}: it is not that old")
        return 0
    print(
        f"{kit.thing_name} connects with certificate {done.kit.certificate_id}; "
        f"switched off: {', '.join(done.switched_off) or 'none'}"
    )
    return 0


def claim_kit(options: argparse.Namespace) -> int:
    """Make a claim certificate, which new devices are delivered with (operator)."""
    session, names = _account(options)
    iot = session.client("iot")
    broker = broker_of(iot, options.mqtt_host, options.mqtt_port, options.mqtt_ca_file)
    kit = ClaimKit.make(iot, names, broker, options.out)
    print(
        f"claim kit {kit.folder}: copy it to the device\n"
        "next: lakecast-device allow --serial SERIAL"
    )
    return 0


def allow(options: argparse.Namespace) -> int:
    """Let serial numbers claim a certificate, once each (operator)."""
    allow_list = _allow_list(options)
    if options.thing and len(options.serial) > 1:
        raise ProvisioningError(f"--thing names one device; got {len(options.serial)} of them")
    until = datetime.now(UTC) + options.days if options.days else None
    for serial_number in options.serial:
        if options.remove:
            allow_list.remove(serial_number)
            print(f"{serial_number} is not on the list")
        else:
            entry = Entry(serial_number, options.thing or serial_number, until)
            allow_list.allow(entry, again=options.again)
            print(f"{serial_number} may claim {entry.thing_name}")
    return 0


def allowed(options: argparse.Namespace) -> int:
    """List the serial numbers, and which have been used (operator)."""
    table = Table("serial number", "thing", "may claim until", "used at")
    for entry in sorted(_allow_list(options).entries(), key=lambda entry: entry.serial_number):
        table.add_row(
            entry.serial_number, entry.thing_name, _moment(entry.expires_at), _moment(entry.used_at)
        )
    Console().print(table)
    return 0


def revoke(options: argparse.Namespace) -> int:
    """Cut a device off, or all that hold a claim certificate (operator)."""
    session, names = _account(options)
    iot = session.client("iot")
    if options.claims:
        revoked = revocation.revoke_claims(iot, names)
        print(f"{len(revoked)} claim certificate(s) revoked; nobody claims with them any more")
        return 0
    revocation.revoke_thing(iot, options.thing)
    closed = _allow_list(options).close(options.thing, datetime.now(UTC))
    revoked = revocation.revoke_thing(iot, options.thing)  # and what was made in between
    for certificate in revoked:
        print(f"revoked {certificate}")
    print(
        f"{options.thing} has {len(revoked)} certificate(s), none of which connects any more; "
        f"serial numbers closed: {', '.join(closed) or 'none'}"
    )
    return 0


def _account(options: argparse.Namespace) -> tuple[Any, Names]:
    session = boto3.Session()
    return session, Names.from_aws(session, options.env)


def _allow_list(options: argparse.Namespace) -> AllowList:
    session, names = _account(options)
    return AllowList(session.client("dynamodb"), names.allow_list_table)


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "–"


COMMANDS = (claim, rotate, claim_kit, allow, allowed, revoke)
