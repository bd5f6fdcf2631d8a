"""The sampling interval is desired in the thing's shadow and holds without a restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from contracts.messages.device_shadow import SAMPLING_INTERVAL, SAMPLING_SHADOW, shadow_topic
from device.mqtt.link import Link
from device.mqtt.transports import transport
from localcloud.cloud.launch import start, stop
from tests.support.device.field import Field, Observer, await_that


@pytest.fixture
def agents(site: Field) -> Iterator[Agents]:
    """Agents that are ended with the test."""
    running = Agents(site)
    yield running
    for agent in running.started:
        agent.kill()
        agent.communicate()


class Agents:
    def __init__(self, site: Field) -> None:
        self._site = site
        self.started: list[subprocess.Popen[str]] = []

    def start(self, thing_name: str, by: str, *options: str) -> subprocess.Popen[str]:
        agent = self._site.start("run", f"--thing={thing_name}", f"--transport={by}", *options)
        self.started.append(agent)
        return agent


def desire(site: Field, thing_name: str, interval: object) -> None:
    site.aws.client("iot-data").update_thing_shadow(
        thingName=thing_name,
        shadowName=SAMPLING_SHADOW,
        payload=json.dumps({"state": {"desired": {SAMPLING_INTERVAL: interval}}}),
    )


def shadow(site: Field, thing_name: str) -> dict[str, Any]:
    client = site.aws.client("iot-data")
    try:
        answer = client.get_thing_shadow(thingName=thing_name, shadowName=SAMPLING_SHADOW)
    except client.exceptions.ResourceNotFoundException:
        return {"state": {}}
    found: dict[str, Any] = json.loads(answer["payload"].read())
    return found


def await_reported(site: Field, thing_name: str, **reported: object) -> dict[str, Any]:
    """The shadow, once the device reports just that."""
    await_that(
        lambda: shadow(site, thing_name)["state"].get("reported") == reported,
        f"a report of {reported}",
    )
    return shadow(site, thing_name)


def seconds_between(observer: Observer, thing_name: str, count: int) -> list[float]:
    """From each of the next readings to its successor."""
    seen = observer.identities(thing_name)
    await_that(
        lambda: len(observer.identities(thing_name) - seen) >= count + 1, "readings after those"
    )
    times = sorted(
        {
            datetime.fromisoformat(r["timestamp"])
            for r in observer.readings(thing_name)
            if (r["boot_id"], r["sequence"]) not in seen
        }
    )
    return [(later - earlier).total_seconds() for earlier, later in pairwise(times)]


def test_a_desired_interval_holds_without_a_restart_and_is_reported(site, observer, agents, by):
    name = f"shadowed-{by}"
    site.kit(name)
    agent = agents.start(name, by, "--delay=600000")
    await_reported(site, name, sampling_interval_seconds=600)
    desire(site, name, 0.25)
    document = await_reported(site, name, sampling_interval_seconds=0.25)
    assert "delta" not in document["state"]
    assert max(seconds_between(observer, name, 4)) < 60  # loaded machines are slow, not that slow
    boots = {boot for boot, _ in observer.identities(name)}
    desire(site, name, None)
    await_reported(site, name, sampling_interval_seconds=600)
    assert {boot for boot, _ in observer.identities(name)} == boots
    assert agent.poll() is None


def test_an_invalid_interval_is_refused_with_the_expected_form(site, agents, by):
    name = f"refusing-{by}"
    site.kit(name)
    agents.start(name, by, "--delay=300")
    await_reported(site, name, sampling_interval_seconds=0.3)
    for bad, told in (("soon", "'soon'"), (0, "0"), (True, "True"), (1e6, "1000000.0")):
        desire(site, name, bad)
        await_reported(
            site,
            name,
            sampling_interval_seconds=0.3,
            refused=f"expected seconds from 0.25 to 86400, a number; got {told}",
        )
    desire(site, name, 0.3)
    await_reported(site, name, sampling_interval_seconds=0.3)


def test_an_interval_desired_of_an_absent_device_applies_once_it_connects(
    site, observer, agents, by
):
    name = f"absent-{by}"
    site.kit(name)
    desire(site, name, 0.25)
    agents.start(name, by, "--delay=600000")
    await_reported(site, name, sampling_interval_seconds=0.25)
    assert max(seconds_between(observer, name, 2)) < 60


def test_a_new_session_requests_the_shadow_again(site, agents, by):
    """The broker ends, and comes again with the shadows that it had."""
    name = f"broken-{by}"
    site.kit(name)
    agents.start(name, by, "--delay=600000")
    desire(site, name, 300)
    before = await_reported(site, name, sampling_interval_seconds=300)
    stop(site.cloud.config)
    start(site.cloud.config)
    assert shadow(site, name)["version"] >= before["version"]
    assert shadow(site, name)["state"] == before["state"]
    desire(site, name, 200)
    await_reported(site, name, sampling_interval_seconds=200)


def test_a_sensor_that_sets_its_own_pace_says_so(site, agents):
    site.kit("piping")
    desire(site, "piping", 10)
    place = ("--option=longitude=0", "--option=latitude=0")
    agents.start("piping", "paho", "--sensor=stdin", *place)
    refused = "expected no interval, the sensor sets the pace; got 10"
    await_reported(site, "piping", refused=refused)


def test_the_command_desires_and_shows_the_interval(site, agents):
    site.kit("commanded")
    agents.start("commanded", "awsiot", "--delay=600000")
    await_reported(site, "commanded", sampling_interval_seconds=600)
    assert "commanded: desired 30 s, the device reports" in commanded(site, "--seconds=30")
    await_reported(site, "commanded", sampling_interval_seconds=30)
    assert commanded(site) == "commanded: desired 30 s, the device reports 30 s\n"
    commanded(site, "--unset")
    await_reported(site, "commanded", sampling_interval_seconds=600)


def commanded(site: Field, *options: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "lakecast", "device", "interval", "--thing=commanded", *options],
        env=os.environ | site.cloud.env,
        capture_output=True,
        check=True,
        text=True,
    ).stdout


def test_a_device_receives_only_its_own_shadow(site, by):
    kit = site.kit(f"curious-{by}")
    with transport(by, kit, within_quota=True) as link:
        await_that(lambda: link.connected, "a session")
        own, others = shadow_topic(kit.thing_name, "get"), shadow_topic("shadowed-awsiot", "get")
        assert subscribed(link, f"{own}/accepted") == [1]
        assert subscribed(link, f"{others}/accepted") == [0x87]
        assert link.publish(own, b"{}").result(10) < 0x80
        assert link.publish(others, b"{}").result(10) == 0x87


def subscribed(link: Link, topic: str) -> list[int]:
    return list(link.subscribe([topic], lambda _topic, _payload: None).result(10))


def test_a_policy_without_the_shadow_does_not_stop_the_device(site, observer, by):
    name = f"old-estate-{by}"
    kit = site.kit(name)
    iot = site.aws.client("iot")
    found = iot.describe_certificate(certificateId=kit.certificate_id)["certificateDescription"]
    iot.detach_policy(policyName=site.names.device_policy, target=found["certificateArn"])
    site.allow(
        name,
        {action: ["*"] for action in ("iot:Connect", "iot:RetainPublish")}
        | {"iot:Publish": [f"*/telemetry/{name}", f"*/status/{name}"]},
    )
    iot.attach_policy(policyName=name, target=found["certificateArn"])
    agent = site.start("run", f"--thing={name}", "--delay=250", f"--transport={by}")
    await_that(lambda: len(observer.readings(name)) > 2, "readings")
    agent.terminate()
    _, err = agent.communicate()
    assert f"{name}: the broker does not allow the shadow's topics" in err
