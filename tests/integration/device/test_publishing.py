"""From a device to its broker: what is taken arrives, whatever breaks on the way."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from jsonschema import Draft202012Validator

from contracts.messages.telemetry import json_schema
from contracts.recordings.folder import column_map
from device.agent.loop import Tally
from device.agent.pace import Pace
from device.errors import KitError, ProvisioningError
from device.mqtt.kit import Broker, ConnectionKit
from device.mqtt.transports import transport
from device.operator.provisioning import Provisioner, broker_of
from device.outbox.store import Outbox
from device.replay.fleet import Replay, replay_one
from device.sensors.readings import Boot, Reading
from device.sensors.recordings import find_recordings
from device.sensors.simulation import SITES, SimulatedRecording
from localcloud.cloud.launch import start, stop
from tests.support import telemetry_estate as telemetry
from tests.support.device.field import (
    TIMEOUT,
    Observer,
    Wire,
    all_acknowledged,
    await_that,
    await_written,
)

END = datetime(2026, 1, 1, tzinfo=UTC)
PACE = Pace(patience=timedelta(seconds=TIMEOUT))


def recording(days: int) -> SimulatedRecording:
    return SimulatedRecording(SITES[0], END - timedelta(days=days), END)


def identities(kit: ConnectionKit, source: SimulatedRecording) -> set[tuple[str, int]]:
    boot = Boot.of_recording(kit.thing_name, source.source)
    return {(str(boot.boot_id), reading.place) for reading in source.readings()}


def replayed(kit: ConnectionKit, source: SimulatedRecording, by: str = "awsiot", **options):
    return replay_one(
        Replay(kit, source, transport=by), PACE, threading.Event(), within_quota=False, **options
    )


def test_a_provisioned_device_is_a_thing_with_certificate_and_policy(site):
    kit = site.kit("provisioned")
    iot = site.aws.client("iot")
    assert iot.describe_thing(thingName="provisioned")["thingTypeName"] == site.names.thing_type
    [principal] = iot.list_thing_principals(thingName="provisioned")["principals"]
    assert principal.endswith(kit.certificate_id)
    policies = iot.list_attached_policies(target=principal)["policies"]
    assert {policy["policyName"] for policy in policies} == {
        site.names.device_policy,
        site.names.renewal_policy,
    }
    modes = {path.name: path.stat().st_mode & 0o777 for path in kit.folder.iterdir()}
    assert kit.folder.stat().st_mode & 0o777 == 0o700
    assert modes["private.key"] == modes["certificate.pem"] == modes["device.json"] == 0o600


def test_a_further_daily_file_adds_its_readings_and_repeats_no_others(site, observer, tmp_path):
    kit = site.kit("daily")
    (tmp_path / "stations.csv").write_text("station,longitude,latitude\n12,9.2,48.7\n")
    for day in (1, 2):
        name = f"2025-01-0{day}_sds011_sensor_12.csv"
        rows = "".join(f"2025-01-0{day}T{hour:02}:02:35;9;{hour}\n" for hour in range(3))
        (tmp_path / name).write_text(f"timestamp;P1;P2\n{rows}")
        [daily] = find_recordings(tmp_path, column_map(tmp_path, None))
        outcome = replayed(kit, daily)
        assert (outcome.failure, outcome.tally.acknowledged) == (None, 3 * day)
        await_that(
            lambda n=day: len(set(observer.identities("daily"))) == 3 * n, "each reading once"
        )
    times = {reading["timestamp"] for reading in observer.readings("daily")}
    assert {f"2025-01-0{day}T02:02:35Z" for day in (1, 2)} <= times
    assert len(times) == 6


def test_provisioning_again_keeps_the_kit(site):
    kit = site.kit("kept")
    key = kit.private_key.read_bytes()
    assert site.kit("kept") == kit
    assert kit.private_key.read_bytes() == key


def test_provisioning_again_follows_the_broker_to_another_address(site):
    kit = site.kit("moved")
    moved = Wire(site.broker, cuts=[])
    assert site.kit("moved", moved.broker).port == moved.port != kit.port
    assert ConnectionKit.load(kit.folder).certificate_id == kit.certificate_id
    moved.close()


def test_a_deactivated_certificate_is_replaced(site):
    kit = site.kit("replaced")
    site.aws.client("iot").update_certificate(
        certificateId=kit.certificate_id, newStatus="INACTIVE"
    )
    assert site.kit("replaced").certificate_id != kit.certificate_id


def test_a_kit_of_another_device_is_left_alone(site):
    kit = site.kit("owner")
    with pytest.raises(KitError, match="holds the kit of owner/staging"):
        site.provisioner().provision("stranger", kit.folder)


def test_provisioning_before_the_estate_exists_says_what_to_do(site):
    names = site.names.__class__("dev", site.names.account_id, site.names.region)
    provisioner = Provisioner(site.aws.client("iot"), names, site.broker)
    with pytest.raises(ProvisioningError, match="make apply ENV=dev"):
        provisioner.provision("early", site.folder / "early")


def test_without_a_named_broker_the_accounts_endpoint_is_used(site):
    iot = site.aws.client("iot")
    own = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    assert broker_of(iot, None, 1, None) == Broker(own, port=8883, ca_file=None)


def test_a_replayed_recording_arrives_to_the_last_reading(site, observer, by):
    name = f"replayed-{by}"
    kit, week = site.kit(name), recording(7)
    outcome = replayed(kit, week, by)
    wanted = identities(kit, week)
    await_that(lambda: observer.identities(name) >= wanted, "all readings")
    assert outcome.failure is None
    assert outcome.tally.acknowledged == len(wanted) == len(observer.readings(name))
    validator = Draft202012Validator(json_schema())
    for message in observer.readings(name):
        validator.validate(message)


def test_a_cut_connection_loses_nothing(site, observer, by):
    name = f"cut-{by}"
    wire = Wire(site.broker, cuts=[40_000, 60_000, 80_000])
    kit, month = site.kit(name, wire.broker), recording(60)
    outcome = replayed(kit, month, by)
    wire.close()
    wanted = identities(kit, month)
    await_that(lambda: observer.identities(name) >= wanted, "all readings")
    assert wire.times_cut == 3
    assert outcome.failure is None
    assert (outcome.tally.acknowledged, outcome.tally.left) == (len(wanted), 0)
    assert observer.identities(name) == wanted


@pytest.mark.parametrize("batch", [1, 50])
def test_a_killed_replay_that_runs_again_ends_with_every_reading_once_by_identity(
    site, observer, batch
):
    options = ("fleet", "--stations=1", "--days=400", "--unthrottled", f"--batch-readings={batch}")
    process = site.start(*options)
    await_that(lambda: len(observer.identities("harbour")) > 100, "the first readings")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    summary = site.folder / "summary.json"
    again = site.run(*options, f"--summary={summary}")
    assert again.returncode == 0, again.stderr
    sent = json.loads(summary.read_text())["messages_sent"]
    await_that(lambda: len(observer.identities("harbour")) >= sent, "all readings")
    assert len(observer.identities("harbour")) == sent
    with Outbox(site.folder / "harbour" / "outbox.sqlite3") as outbox:
        assert len(outbox) == 0


def test_a_fleet_counts_sent_messages_and_faults_separately(site, observer):
    summary = site.folder / "fleet.json"
    done = site.run("fleet", "--stations=3", "--days=2", "--faulty", f"--summary={summary}")
    assert done.returncode == 0, done.stderr
    told = json.loads(summary.read_text())
    assert [station["thing_name"] for station in told["stations"]] == [
        "harbour",
        "ring-road",
        "old-town",
    ]
    assert told["messages_sent"] == sum(s["acknowledged"] for s in told["stations"]) > 3 * 40
    assert (told["broken_sent"], told["left"]) == (3, 0)
    assert "old-town" in done.stdout
    payloads = observer.payloads
    await_that(
        lambda: (
            sum(len({*payloads.get(f"telemetry/{s['thing_name']}", ())}) for s in told["stations"])
            == told["messages_sent"] + 3
        ),
        "all messages",
    )


def test_a_live_device_stops_in_order(site, observer, by):
    name = f"live-{by}"
    kit = site.kit(name)
    process = site.start("run", f"--thing={name}", "--delay=250", f"--transport={by}")
    await_that(lambda: len(observer.identities(name)) >= 3, "three readings")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    taken = all_acknowledged(out)
    await_that(lambda: "stopped" in observer.statuses(name), "the goodbye")
    assert sorted(sequence for _, sequence in observer.identities(name)) == list(range(taken))
    assert observer.statuses(name) == ["started", "online", "stopped"]
    last = observer.status_documents(name)[-1]
    assert (last["queue_depth"], last["taken"], last["reconnects"]) == (0, taken, 0)
    assert last["boot_id"] in boots(observer, name)
    with Outbox(kit.outbox) as outbox:
        assert len(outbox) == 0


def boots(observer: Observer, name: str) -> dict[str, list[int]]:
    """Sequences of each boot, each where it first came."""
    found: dict[str, list[int]] = {}
    for reading in observer.readings(name):
        sequences = found.setdefault(reading["boot_id"], [])
        if reading["sequence"] not in sequences:
            sequences.append(reading["sequence"])
    return found


def test_a_live_device_that_dies_leaves_its_last_will_and_starts_another_boot(site, observer, by):
    name = f"dying-{by}"
    site.kit(name)
    for count in (1, 2):
        process = site.start("run", f"--thing={name}", "--delay=250", f"--transport={by}")
        await_that(lambda n=count: len(boots(observer, name)) == n, "a boot")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        await_that(lambda n=count: observer.statuses(name).count("lost") == n, "the will")
    for sequences in boots(observer, name).values():
        assert sequences == list(range(len(sequences)))


def test_readings_from_a_pipe_arrive_as_they_come_and_a_bad_line_is_passed_over(site, observer):
    site.kit("piped")
    place = ("--option=longitude=3.18", "--option=latitude=51.32")
    process = site.start("run", "--thing=piped", "--sensor=stdin", *place)
    assert process.stdin is not None
    for number in range(3):
        process.stdin.write(json.dumps({"ozone": number}) + "\n")
        process.stdin.flush()
        await_that(lambda n=number: len(observer.identities("piped")) == n + 1, "the reading")
    _, err = process.communicate('oops\n{"ozone": 3}\n', timeout=TIMEOUT)
    assert process.returncode == 0, err
    assert "lakecast device: line 4: Expecting value" in err
    await_that(lambda: len(observer.identities("piped")) == 4, "the reading behind the bad line")
    readings = observer.readings("piped")
    assert {(r["sequence"], r["ozone"]) for r in readings} == {(n, n) for n in range(4)}
    assert {(r["longitude"], r["latitude"]) for r in readings} == {(3.18, 51.32)}


def test_a_pipe_that_stays_open_does_not_keep_the_agent_from_stopping(site, observer):
    site.kit("stopped")
    place = ("--option=longitude=0", "--option=latitude=0")
    process = site.start("run", "--thing=stopped", "--sensor=stdin", *place)
    await_that(lambda: "started" in observer.statuses("stopped"), "a session")
    process.send_signal(signal.SIGTERM)
    assert process.wait(TIMEOUT) == 0
    assert process.stderr is not None
    assert "Fatal" not in process.stderr.read()


def test_the_last_status_of_a_device_is_retained(site):
    kit = site.kit("retained")
    with transport("paho", kit, within_quota=True) as link:
        await_that(lambda: link.connected, "a session")
    iot = site.aws.client("iot-data")
    message = await_that(
        lambda: json.loads(iot.get_retained_message(topic="status/retained")["payload"]),
        "what the broker kept",
    )
    assert message["status"] == "stopped"


def test_readings_taken_offline_are_sent_by_the_next_run(site, observer, by):
    name = f"offline-{by}"
    nowhere = Wire(site.broker, cuts=[])
    kit = site.kit(name, nowhere.broker)
    nowhere.close()
    process = site.start("run", f"--thing={name}", "--delay=250", "--drain=0", f"--transport={by}")
    await_written(kit, 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    refused = {"awsiot": "AWS_IO_SOCKET_CONNECTION_REFUSED", "paho": "[Errno 111] Connection"}
    assert f"not connected: {refused[by]}" in err
    assert "the next run sends them first" in out
    with Outbox(kit.outbox) as outbox:
        kept = [json.loads(parcel.payload) for parcel in outbox.after(0, 100)]
    assert len(kept) >= 2
    outcome = replayed(site.kit(name), recording(1), by)
    assert outcome.tally.carried_over == len(kept)
    await_that(
        lambda: {(r["boot_id"], r["sequence"]) for r in kept} <= observer.identities(name),
        "the readings of the first run",
    )


def test_a_restart_of_the_broker_loses_no_message(site, by):
    """Last in this file: everyone else's sessions end with the broker."""
    bucket = telemetry.bucket(site.aws, f"device-restart-{by}")
    stream = telemetry.stream(site.aws, f"device-restart-{by}", bucket)
    telemetry.rule(site.aws, f"device_restart_{by}", stream, bucket)
    kit, whole = site.kit(f"restarted-{by}"), recording(150)
    under_way, stopped = threading.Event(), threading.Event()

    class Gated:
        """Half of it only once the broker has stopped, so that it stops in the middle."""

        station, source, expected = whole.station, whole.source, whole.expected
        notes = ()

        @property
        def parts(self) -> tuple[Gated]:
            return (self,)

        def readings(self) -> Iterator[Reading]:
            for number, reading in enumerate(whole.readings()):
                if number == whole.expected // 2:
                    assert stopped.wait(TIMEOUT)
                yield reading

    def note(tally: Tally) -> None:
        if tally.acknowledged > 200:
            under_way.set()

    outcomes = []
    agent = threading.Thread(
        target=lambda: outcomes.append(replayed(kit, Gated(), by, progress=note))
    )
    agent.start()
    assert under_way.wait(TIMEOUT)
    stop(site.cloud.config)
    stopped.set()
    start(site.cloud.config)
    agent.join(2 * TIMEOUT)
    [outcome] = outcomes
    wanted = identities(kit, whole)
    assert outcome.failure is None
    assert (outcome.tally.acknowledged, outcome.tally.left) == (len(wanted), 0)
    found = telemetry.await_identities(site.aws, bucket, "telemetry/", wanted)
    assert {(r["boot_id"], r["sequence"]) for r in found} == wanted
