"""``lakecast-device``: what each of its verbs does."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contracts.names import Names
from device.agent.batching import MAX_READINGS, Batching
from device.agent.loop import Agent
from device.agent.pace import Pace
from device.agent.sampling import SamplingShadow
from device.cli import doctor as doctors
from device.cli import output
from device.cli.certificate_commands import COMMANDS as CERTIFICATE_COMMANDS
from device.cli.options import RECORDED_DAYS, SIMULATED_DAYS, parser
from device.clock import SystemClock
from device.errors import DeviceError, RecordingError
from device.mqtt.kit import ConnectionKit
from device.mqtt.transports import transport
from device.operator.provisioning import Provisioner, broker_of
from device.operator.sampling_interval import desire_interval, sampling_state
from device.outbox.retention import Limits
from device.outbox.store import Outbox
from device.replay.fleet import Replay, replay_fleet, summary, thing_name_of
from device.sensors.column_map import ColumnMap
from device.sensors.plugins import Feed, Setting, guarded, open_sensor
from device.sensors.readings import Boot, Recording
from device.sensors.recordings import find_recordings
from device.sensors.simulation import SITES, SimulatedRecording, sites


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    options = parser(COMMANDS).parse_args(arguments)
    try:
        code: int = options.command(options)
    except KeyboardInterrupt:  # before anything runs that could be ended in order
        return 130
    except (DeviceError, BotoCoreError, ClientError) as error:
        print(f"lakecast-device: {error}", file=sys.stderr)
        return 1
    return code


def provision(options: argparse.Namespace) -> int:
    """Register one device and write its kit."""
    kit = _provisioner(options).provision(options.thing, options.kits / options.thing)
    print(
        f"{kit.thing_name} may connect to {kit.host}:{kit.port}; its kit is {kit.folder}\n"
        f"next: lakecast-device run --thing {kit.thing_name}"
    )
    return 0


def run(options: argparse.Namespace) -> int:
    """Read a sensor and publish, until told to stop or the sensor ends."""
    kit = ConnectionKit.load(options.kits / options.thing)
    clock = SystemClock()
    given = {"site": options.site, "seed": str(options.seed), **dict(options.option)}
    sensor = open_sensor(options.sensor, Setting(kit.thing_name, given, clock))
    self_paced = bool(getattr(sensor, "self_paced", False))
    pace = Pace(
        None if self_paced else options.delay,
        drain=options.drain,
        heartbeat=timedelta(seconds=options.heartbeat) if options.heartbeat else None,
        self_paced=self_paced,
    )
    stop, wake = _stop_on_signals(), threading.Event()
    boot = Boot.new(kit.thing_name)
    messages = guarded(boot.live_messages(sensor.station, sensor.readings(), clock))
    with (
        Outbox(kit.outbox, _limits(options)) as outbox,
        transport(options.transport, kit, within_quota=True, on_change=wake.set) as link,
        output.live(kit, link) as (progress, tell),
    ):
        agent = Agent(
            outbox,
            link,
            kit.topic(basic_ingest=options.basic_ingest),
            pace,
            wake=wake,
            progress=progress,
            about={"boot_id": str(boot.boot_id), "transport": options.transport},
            clock=clock,
            batching=batching_of(options),
            sampling=SamplingShadow(
                kit.thing_name, pace.delay, memory=kit.desired_interval, wake=wake, tell=tell
            ),
        )
        tally = agent.run(Feed(messages, wake.set) if self_paced else messages, stop)
    output.live_end(kit, tally)
    return 0


def interval(options: argparse.Namespace) -> int:
    """Show how often a device samples, or desire another interval of it while it runs."""
    iot_data = boto3.Session().client("iot-data")
    if options.seconds or options.unset:
        desire_interval(iot_data, options.thing, options.seconds)
        print(f"{options.thing} hears of it now, or as soon as it is connected")
    print(f"{options.thing}: {sampling_state(iot_data, options.thing)}")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Look at all a device needs to reach its broker; exit 1 where something is wrong."""
    kit = ConnectionKit.load(options.kits / options.thing)
    ill = output.findings(kit, doctors.examine(kit, SystemClock()))
    if not ill:
        return 0
    print(f"lakecast-device: {', '.join(ill)}: see above", file=sys.stderr)
    return 1


def replay(options: argparse.Namespace) -> int:
    """Replay one recording with a kit that is already there."""
    kit = ConnectionKit.load(options.kits / options.thing)
    recordings = _recordings(options)
    wanted = options.station or options.thing
    for recording in recordings:
        if wanted in (recording.station.name, thing_name_of(recording.station.name)):
            return _replay([_replay_of(kit, recording, options)], options)
    known = ", ".join(recording.station.name for recording in recordings)
    raise RecordingError(f"no station {wanted!r}; name one with --station: {known}")


def fleet(options: argparse.Namespace) -> int:
    """Provision all stations and replay them at once."""
    recordings = _recordings(options)
    provisioner = _provisioner(options)
    replays = []
    for number, recording in enumerate(recordings):
        thing_name = thing_name_of(recording.station.name)
        kit = provisioner.provision(thing_name, options.kits / thing_name)
        replays.append(_replay_of(kit, recording, options, faulty=options.faulty and number == 0))
    return _replay(replays, options)


def _replay_of(
    kit: ConnectionKit, recording: Recording, options: argparse.Namespace, *, faulty: bool = False
) -> Replay:
    return Replay(
        kit,
        recording,
        faulty,
        _limits(options),
        options.transport,
        batching_of(options),
        basic_ingest=options.basic_ingest,
    )


def _replay(replays: list[Replay], options: argparse.Namespace) -> int:
    pace = Pace(drain=options.drain, patience=options.patience)
    stop = _stop_on_signals()
    started = datetime.now(UTC)
    with output.replaying(replays) as progress:
        outcomes = replay_fleet(
            replays, pace, stop, within_quota=not options.unthrottled, progress=progress
        )
    document = summary(outcomes, started, datetime.now(UTC))
    if options.summary:
        try:
            options.summary.parent.mkdir(parents=True, exist_ok=True)
            options.summary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise DeviceError(f"summary {options.summary}: {error}") from error
    output.replayed(outcomes, document)
    failures = [f"{o.replay.kit.thing_name}: {o.failure}" for o in outcomes if o.failure]
    if stop.is_set():
        failures.append("stopped before the end; run it again: what was sent keeps its identity")
    for failure in failures:
        print(f"lakecast-device: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _recordings(options: argparse.Namespace) -> list[Recording]:
    if options.data:
        columns = ColumnMap.named(options.columns)
        days = options.days or RECORDED_DAYS
        return list(find_recordings(options.data, columns, days=days, limit=options.stations))
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = end - timedelta(days=options.days or SIMULATED_DAYS)
    try:
        return [
            SimulatedRecording(site, start, end, options.seed)
            for site in sites(options.stations or len(SITES))
        ]
    except ValueError as error:
        raise RecordingError(str(error)) from error


def _provisioner(options: argparse.Namespace) -> Provisioner:
    session = boto3.Session()
    iot = session.client("iot")
    names = Names.from_aws(session, options.env)
    broker = broker_of(iot, options.mqtt_host, options.mqtt_port, options.mqtt_ca_file)
    return Provisioner(iot, names, broker)


def _limits(options: argparse.Namespace) -> Limits:
    return Limits(options.keep_mb * 1024 * 1024, timedelta(days=options.keep_days))


def batching_of(options: argparse.Namespace) -> Batching:
    """How many readings share a message; either bound alone makes batches too."""
    unbounded = 1 if options.batch_seconds is None else MAX_READINGS
    return Batching(options.batch_readings or unbounded, options.batch_seconds)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


COMMANDS = (provision, run, interval, doctor, replay, fleet, *CERTIFICATE_COMMANDS)

if __name__ == "__main__":
    sys.exit(main())
