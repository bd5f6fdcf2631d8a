"""Several readings in one message, and messages past the broker: nothing lost, less to pay."""

from __future__ import annotations

import json
import signal
import threading
from datetime import UTC, datetime, timedelta

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts.messages.telemetry import MESSAGE_LIMIT_BYTES, basic_ingest_topic
from device.agent.batching import Batching
from device.agent.loop import Agent
from device.agent.pace import Pace
from device.errors import RefusedError
from device.mqtt.kit import ConnectionKit
from device.mqtt.transports import transport
from device.outbox.store import Outbox
from device.replay.fleet import Outcome, Replay, replay_one
from device.sensors.readings import Boot, Message
from device.sensors.simulation import SITES, SimulatedRecording
from tests.support import telemetry_estate as telemetry
from tests.support.device.field import TIMEOUT, Wire, all_acknowledged, await_that, await_written
from tests.support.message_schemas import batch_schema

END = datetime(2026, 1, 1, tzinfo=UTC)
PACE = Pace(patience=timedelta(seconds=TIMEOUT))
VALIDATOR = Draft202012Validator(batch_schema(), format_checker=FormatChecker())


def recording(days: int) -> SimulatedRecording:
    return SimulatedRecording(SITES[0], END - timedelta(days=days), END)


def replayed(kit: ConnectionKit, source: SimulatedRecording, by: str, **options) -> Outcome:
    replay = Replay(kit, source, transport=by, **options)
    return replay_one(replay, PACE, threading.Event(), within_quota=False)


def identities(kit: ConnectionKit, source: SimulatedRecording) -> set[tuple[str, int]]:
    boot = Boot.of_recording(kit.thing_name, source.source)
    return {(str(boot.boot_id), reading.place) for reading in source.readings()}


def test_a_cut_connection_loses_no_reading_of_a_batch(site, observer, by):
    name = f"batched-{by}"
    wire = Wire(site.broker, cuts=[20_000, 40_000, 60_000])
    kit, quarter = site.kit(name, wire.broker), recording(90)
    outcome = replayed(kit, quarter, by, batching=Batching(50))
    wire.close()
    wanted = identities(kit, quarter)
    await_that(lambda: observer.identities(name) >= wanted, "all readings")
    assert wire.times_cut == 3
    assert outcome.failure is None
    assert (outcome.tally.acknowledged, outcome.tally.left) == (len(wanted), 0)
    assert observer.identities(name) == wanted
    for message in observer.messages(name):
        VALIDATOR.validate(message)
        sequences = [reading["sequence"] for reading in message["readings"]]
        assert sequences == sorted(sequences) and len(sequences) <= 50


def test_no_message_passes_the_brokers_limit_and_all_arrive(site, observer, by):
    """400 readings with a note of 500 bytes each fill two messages of 128 KB."""
    name = f"large-{by}"
    kit, boot, wake = site.kit(name), Boot.new(name), threading.Event()
    readings = list(recording(20).readings())[:400]
    station = SITES[0].station
    bodies = [json.loads(boot.message(station, reading).payload) for reading in readings]
    messages = [Message(json.dumps(body | {"note": "x" * 500}).encode()) for body in bodies]
    with (
        Outbox(kit.outbox) as outbox,
        transport(by, kit, within_quota=True, on_change=wake.set) as link,
    ):
        agent = Agent(outbox, link, kit.topic(), PACE, wake=wake, batching=Batching(400))
        tally = agent.run(iter(messages), threading.Event())
    await_that(lambda: len(observer.identities(name)) == 400, "all readings")
    sizes = [len(payload) for payload in {*observer.payloads[f"telemetry/{name}"]}]
    assert tally.acknowledged == 400
    assert max(sizes) <= MESSAGE_LIMIT_BYTES and len(sizes) == 3


def test_a_live_device_sends_its_held_readings_when_it_is_stopped(site, observer, by):
    name = f"gathering-{by}"
    site.kit(name)
    options = ("--delay=250", f"--transport={by}", "--batch-readings=3")
    process = site.start("run", f"--thing={name}", *options)
    await_that(lambda: len(observer.identities(name)) >= 6, "two messages")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    taken = all_acknowledged(out)
    await_that(lambda: len(observer.identities(name)) == taken, "all readings")
    assert sorted(sequence for _, sequence in observer.identities(name)) == list(range(taken))
    assert {len(message["readings"]) for message in observer.messages(name)[:2]} == {3}


def test_a_reading_waits_no_longer_for_others_than_the_limit(site, observer):
    site.kit("waiting")
    process = site.start("run", "--thing=waiting", "--delay=60000", "--batch-seconds=0.5")
    await_that(lambda: observer.readings("waiting"), "the only reading", timeout=30)
    process.kill()
    process.communicate()


def test_held_readings_of_a_killed_device_are_sent_by_the_next_run(site, observer, by):
    name = f"dying-{by}"
    kit = site.kit(name)
    options = ("--delay=250", f"--transport={by}", "--batch-readings=100")
    process = site.start("run", f"--thing={name}", *options)
    await_written(kit, 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with Outbox(kit.outbox) as outbox:
        kept = [json.loads(parcel.payload)["sequence"] for parcel in outbox.after(0, 100)]
    assert len(kept) > 1 and observer.readings(name) == []
    outcome = replayed(kit, recording(1), by, batching=Batching(100))
    assert outcome.tally.carried_over == len(kept)
    await_that(
        lambda: len({message["boot_id"] for message in observer.messages(name)}) == 2,
        "a message for each boot",
    )
    left, *_, new = observer.messages(name)
    assert [reading["sequence"] for reading in left["readings"]] == kept
    assert left["boot_id"] != new["boot_id"]


def test_basic_ingest_reaches_the_lake_and_no_subscriber(site, observer, by):
    """The rule has the estate's name, which the device policy names too."""
    bucket = telemetry.bucket(site.aws, f"ingest-{by}")
    stream = telemetry.stream(site.aws, f"ingest-{by}", bucket)
    iot = site.aws.client("iot")
    if any(r["ruleName"] == site.names.topic_rule for r in iot.list_topic_rules()["rules"]):
        iot.delete_topic_rule(ruleName=site.names.topic_rule)
        site.aws.client("iam").delete_role_policy(
            RoleName=f"{site.names.topic_rule}-rule", PolicyName="allowed"
        )
        site.aws.client("iam").delete_role(RoleName=f"{site.names.topic_rule}-rule")
    telemetry.rule(site.aws, site.names.topic_rule, stream, bucket)
    name = f"ingesting-{by}"
    kit, week = site.kit(name), recording(7)
    outcome = replayed(kit, week, by, basic_ingest=True)
    wanted = identities(kit, week)
    assert (outcome.failure, outcome.tally.acknowledged) == (None, len(wanted))
    found = telemetry.await_identities(site.aws, bucket, "telemetry/", wanted)
    assert {(r["boot_id"], r["sequence"]) for r in found} == wanted
    assert {r["thing_name"] for r in found} == {name}
    await_that(lambda: "stopped" in observer.statuses(name), "the goodbye, by the broker")
    assert observer.readings(name) == []


@pytest.mark.parametrize("others", ["rule", "thing"])
def test_basic_ingest_goes_to_the_estates_rule_and_in_the_own_name_only(site, by, others):
    kit, wake = site.kit(f"straying-{by}"), threading.Event()
    rule = "lakecast_staging_absent" if others == "rule" else site.names.topic_rule
    thing = "somebody" if others == "thing" else kit.thing_name
    with (
        Outbox(kit.outbox) as outbox,
        transport(by, kit, within_quota=True, on_change=wake.set) as link,
    ):
        agent = Agent(outbox, link, basic_ingest_topic(rule, thing), PACE, wake=wake)
        with pytest.raises(RefusedError, match="not let this device publish"):
            agent.run(iter([Message(b"{}")]), threading.Event())
        outbox.remove([parcel.number for parcel in outbox.after(0, 9)])
