"""The sampling interval is desired in the thing's shadow and holds without a restart."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from device_field import TIMEOUT, Field, Observer, await_that, field_with_estate, observing

from contracts.device_shadow import SAMPLING_INTERVAL, SAMPLING_SHADOW
from device.link import TRANSPORTS
from localcloud.launch import start, stop


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with field_with_estate(tmp_path_factory.mktemp("field")) as opened:
        yield opened


@pytest.fixture
def observer(site: Field) -> Iterator[Observer]:
    with observing(site) as watching:
        yield watching


@pytest.fixture(params=TRANSPORTS)
def by(request: pytest.FixtureRequest) -> str:
    """The transport; both must follow the shadow."""
    return str(request.param)


@pytest.fixture
def agents() -> Iterator[list[subprocess.Popen[str]]]:
    """Agents that are ended with the test."""
    running: list[subprocess.Popen[str]] = []
    yield running
    for agent in running:
        agent.kill()
        agent.communicate()


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
    await_that(
        lambda: shadow(site, thing_name)["state"].get("reported") == reported,
        f"a report of {reported}",
    )
    return shadow(site, thing_name)


def seconds_between(observer: Observer, thing_name: str, count: int) -> list[float]:
    """Between the next readings."""
    seen = len(observer.readings(thing_name))
    await_that(lambda: len(observer.readings(thing_name)) >= seen + count + 1, "readings")
    times = [datetime.fromisoformat(r["timestamp"]) for r in observer.readings(thing_name)[seen:]]
    return [(b - a).total_seconds() for a, b in zip(times, times[1:], strict=False)]


def test_a_desired_interval_holds_without_a_restart_and_is_reported(site, observer, agents, by):
    name = f"shadowed-{by}"
    site.kit(name)
    agents.append(site.start("run", f"--thing={name}", "--delay=600000", f"--transport={by}"))
    await_reported(site, name, sampling_interval_seconds=600)
    desire(site, name, 0.25)
    document = await_reported(site, name, sampling_interval_seconds=0.25)
    assert "delta" not in document["state"]
    assert max(seconds_between(observer, name, 4)) < 1
    boots = {boot for boot, _ in observer.identities(name)}
    desire(site, name, None)
    await_reported(site, name, sampling_interval_seconds=600)
    assert {boot for boot, _ in observer.identities(name)} == boots
    assert agents[0].poll() is None


def test_a_value_that_makes_no_sense_is_refused_with_what_was_expected(site, observer, agents, by):
    name = f"refusing-{by}"
    site.kit(name)
    agents.append(site.start("run", f"--thing={name}", "--delay=300", f"--transport={by}"))
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
