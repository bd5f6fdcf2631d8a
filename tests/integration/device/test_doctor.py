"""The doctor names what is wrong, and only that; a healthy device passes."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from device.cli.doctor import examine
from device.clock import SystemClock
from device.mqtt.kit import ConnectionKit
from device.outbox.retention import Limits
from device.outbox.store import Outbox
from tests.support.device.field import Wire
from tests.support.device.foreign_certificates import foreign


@dataclass(frozen=True)
class At(SystemClock):
    """A clock that stands still."""

    moment: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def ills(kit: ConnectionKit, clock: SystemClock | None = None) -> dict[str, str]:
    """What is not well, and why."""
    found = examine(kit, clock or SystemClock())
    return {finding.subject: finding.detail for finding in found if not finding.well}


def test_a_healthy_device_passes(site):
    site.kit("healthy")
    done = site.run("doctor", "--thing=healthy")
    assert (done.returncode, done.stderr) == (0, "")
    subjects = ("clock", "certificate", "private key", "DNS", "port", "TLS", "outbox", "disk")
    for line, subject in zip(done.stdout.splitlines()[1:], subjects, strict=True):
        assert line.startswith(f"ok    {subject}")


def test_a_missing_broker_is_reported_as_a_closed_port_with_exit_code_1(site):
    wire = Wire(site.broker, cuts=[])
    site.kit("alone", wire.broker)
    wire.close()
    done = site.run("doctor", "--thing=alone")
    assert done.returncode == 1
    assert f"FAIL  port {wire.port}" in done.stdout
    assert done.stderr == f"lakecast device doctor: port {wire.port}, TLS: see above\n"


def test_a_host_name_without_an_address_is_reported(site):
    kit = replace(site.kit("nameless"), host="broker.invalid")
    assert "broker.invalid has no address" in ills(kit)["DNS"]


def test_an_expired_or_future_certificate_is_reported(site):
    kit = site.kit("expired")
    certificate, key = foreign("expired", valid_days=1)
    kit.certificate.write_text(certificate)
    kit.private_key.write_text(key)
    now = datetime.now(UTC)
    assert set(ills(kit)) <= {"TLS"}  # its authority is a stranger's; that is the broker's to say
    assert "expired on" in ills(kit, At(moment=now + timedelta(days=2)))["certificate"]
    assert "is valid from" in ills(kit, At(moment=now - timedelta(days=2)))["certificate"]


def test_a_file_that_is_no_certificate_is_reported(site):
    kit = site.kit("garbled")
    kit.certificate.write_text("no certificate")
    assert {"certificate", "private key"} <= set(ills(kit))


def test_a_key_that_does_not_fit_and_one_that_others_may_read_are_reported(site):
    kit = site.kit("unlocked")
    kit.private_key.chmod(0o644)
    assert "say chmod 600" in ills(kit)["private key"]
    kit.private_key.write_text(foreign("unlocked")[1])
    assert "not the certificate's" in ills(kit)["private key"]


def test_a_broker_of_a_foreign_authority_is_reported(site):
    kit = site.kit("wary")
    kit.ca_file.write_text(foreign("broker")[0])
    assert set(ills(kit)) == {"TLS"}
    assert str(kit.ca_file) in ills(kit)["TLS"]


def test_an_unset_clock_is_reported(site):
    told = ills(site.kit("timeless"), At())
    assert "not set; readings are held" in told["clock"]


def test_waiting_and_dropped_messages_are_reported(site):
    kit = site.kit("full")
    with Outbox(kit.outbox, Limits(max_bytes=3)) as outbox:
        outbox.put("telemetry/full", [b"1", b"2", b"3", b"4"])
    done = site.run("doctor", "--thing=full")
    assert "3 messages wait, the oldest since" in done.stdout
    assert "1 by size" in done.stdout
    with Outbox(kit.outbox):
        assert "in use by a running agent" in site.run("doctor", "--thing=full").stdout


def test_an_unusable_outbox_is_reported(site):
    kit = site.kit("broken")
    kit.outbox.write_bytes(os.urandom(5_000))
    assert "outbox" in ills(kit)
