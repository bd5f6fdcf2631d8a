"""Devices that a broker must not accept: the agent says so in one clear line and ends."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.messages.telemetry import topic
from device.agent.loop import Agent
from device.agent.pace import Pace
from device.errors import RefusedError
from device.mqtt.kit import ConnectionKit
from device.mqtt.transports import transport
from device.outbox.store import Outbox
from device.sensors.readings import Message
from tests.support.device.field import Field, Wire
from tests.support.device.foreign_certificates import foreign

PACE = Pace(patience=timedelta(seconds=30))


def refused_line(site: Field, thing_name: str, by: str = "awsiot") -> str:
    """What the command says, after it ended with code 1."""
    done = site.run("run", f"--thing={thing_name}", "--delay=250", f"--transport={by}")
    said = [line for line in done.stderr.splitlines() if line.startswith("lakecast device run: ")]
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert len(said) == 1
    return said[0]


def test_a_device_without_its_certificate_is_refused(site):
    kit = site.kit("bare")
    kit.certificate.unlink()
    assert "lacks certificate.pem" in refused_line(site, "bare")


def test_a_certificate_of_a_foreign_authority_is_refused(site, by):
    kit = site.kit("foreign")
    certificate, key = foreign("foreign")
    kit.certificate.write_text(certificate)
    kit.private_key.write_text(key)
    line = refused_line(site, "foreign", by)
    assert "foreign" in line and "certificate" in line


def test_a_deactivated_certificate_is_refused(site, by):
    kit = site.kit("shut-out")
    site.aws.client("iot").update_certificate(
        certificateId=kit.certificate_id, newStatus="INACTIVE"
    )
    assert "is registered, active" in refused_line(site, "shut-out", by)


def test_a_certificate_without_the_policy_is_refused(site, by):
    kit = site.kit("unallowed")
    iot = site.aws.client("iot")
    arn = iot.describe_certificate(certificateId=kit.certificate_id)["certificateDescription"]
    iot.detach_policy(policyName=site.names.device_policy, target=arn["certificateArn"])
    assert "has the device policy" in refused_line(site, "unallowed", by)


def test_a_policy_that_forbids_the_last_will_is_named(site, by):
    kit = site.kit("will-less")
    iot = site.aws.client("iot")
    arn = iot.describe_certificate(certificateId=kit.certificate_id)["certificateDescription"]
    iot.detach_policy(policyName=site.names.device_policy, target=arn["certificateArn"])
    policy = f"will-less-{by}"
    site.allow(policy, {"iot:Connect": ["*"], "iot:Publish": ["*/telemetry/will-less"]})
    iot.attach_policy(policyName=policy, target=arn["certificateArn"])
    assert "allows status/will-less" in refused_line(site, "will-less", by)


def test_a_key_that_does_not_fit_the_certificate_is_reported(site, by):
    kit = site.kit("unfit")
    kit.private_key.write_text(foreign("unfit")[1])
    assert "certificate" in refused_line(site, "unfit", by)


def test_a_broker_of_a_foreign_authority_is_not_trusted(site, by):
    """Takes 10 to 30 s: s2n, the TLS library, delays its error against timing attacks."""
    kit = site.kit("careful")
    kit.ca_file.write_text(foreign("broker")[0])
    line = refused_line(site, "careful", by)
    assert "TLS" in line and str(kit.ca_file) in line


def test_a_device_that_calls_itself_another_is_refused(site, by):
    site.kit("honest")
    impostor = replace(site.kit("impostor"), thing_name="honest")
    with pytest.raises(RefusedError, match="refuses honest"):
        _publish(impostor, topic("honest"), by)


def test_publishing_on_anothers_topic_is_refused_and_nothing_is_lost(site, by):
    site.kit("victim")
    kit = site.kit(f"intruder-{by}")
    with pytest.raises(RefusedError, match="not let this device publish on telemetry/victim"):
        _publish(kit, topic("victim"), by)
    with Outbox(kit.outbox) as outbox:
        assert [parcel.payload for parcel in outbox.after(0, 10)] == [b"{}"]


def test_a_broker_that_does_not_answer_ends_a_replay_after_its_patience(site):
    wire = Wire(site.broker, cuts=[])
    site.kit("harbour", wire.broker)
    wire.close()
    done = site.run("replay", "--thing=harbour", "--days=1", "--patience=2")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "no session for 2 s" in line and "CONNECTION_REFUSED" in line and "stay in" in line


def test_two_agents_on_one_kit_are_one_too_many(site):
    kit = site.kit("shared")
    with Outbox(kit.outbox):
        assert "another agent runs with it" in refused_line(site, "shared")


def _publish(kit: ConnectionKit, to: str, by: str) -> None:
    wake = threading.Event()
    with (
        Outbox(Path(kit.outbox)) as outbox,
        transport(by, kit, within_quota=True, on_change=wake.set) as link,
    ):
        agent = Agent(outbox, link, to, PACE, wake=wake)
        agent.run(iter([Message(b"{}")]), threading.Event())
