"""Take a sensor's readings to the lake by MQTT, losing none.

Begin with `provision`, which makes the device's certificate; then `run`. Where readings don't
arrive, `doctor` tells why. `replay` and `fleet` send recorded or simulated stations at once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contracts.names import Names
from contracts.telemetry import topic
from device import doctor as doctors
from device import report
from device.agent import Agent, Pace
from device.clock import SystemClock
from device.column_map import SHIPPED, ColumnMap
from device.errors import DeviceError, RecordingError
from device.fleet import Replay, replay_fleet, summary, thing_name_of
from device.kit import MQTT_PORT, Broker, ConnectionKit
from device.link import TRANSPORTS, transport
from device.outbox import Limits, Outbox
from device.provisioning import Provisioner, account_endpoint
from device.readings import Boot, Recording
from device.recordings import find_recordings
from device.sensors import Feed, Setting, guarded, open_sensor
from device.simulation import SITES, SimulatedRecording, sites

DEVICES = Path(".lakecast/devices")
SIMULATED_DAYS = 60
RECORDED_DAYS = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    options = _parser().parse_args(arguments)
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
        report.live(kit, link) as progress,
    ):
        agent = Agent(
            outbox,
            link,
            topic(kit.thing_name),
            pace,
            wake=wake,
            progress=progress,
            about={"boot_id": str(boot.boot_id), "transport": options.transport},
            clock=clock,
        )
        tally = agent.run(Feed(messages, wake.set) if self_paced else messages, stop)
    report.live_end(kit, tally)
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Look at all a device needs to reach its broker; exit 1 where something is wrong."""
    kit = ConnectionKit.load(options.kits / options.thing)
    ill = report.findings(kit, doctors.examine(kit, SystemClock()))
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
    return Replay(kit, recording, faulty, _limits(options), options.transport)


def _replay(replays: list[Replay], options: argparse.Namespace) -> int:
    pace = Pace(drain=options.drain, patience=options.patience)
    stop = _stop_on_signals()
    started = datetime.now(UTC)
    with report.replaying(replays) as progress:
        outcomes = replay_fleet(
            replays, pace, stop, within_quota=options.within_quota, progress=progress
        )
    document = summary(outcomes, started, datetime.now(UTC))
    if options.summary:
        try:
            options.summary.parent.mkdir(parents=True, exist_ok=True)
            options.summary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise DeviceError(f"summary {options.summary}: {error}") from error
    report.replayed(outcomes, document)
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
    broker = (
        Broker(options.mqtt_host, options.mqtt_port, options.mqtt_ca_file)
        if options.mqtt_host
        else account_endpoint(iot)
    )
    return Provisioner(iot, names, broker)


def _limits(options: argparse.Namespace) -> Limits:
    return Limits(options.keep_mb * 1024 * 1024, timedelta(days=options.keep_days))


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lakecast-device",
        description=__doc__,
        epilog="`lakecast-device COMMAND --help` lists a command's options.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    kits = argparse.ArgumentParser(add_help=False)
    kits.add_argument("--kits", type=Path, default=DEVICES, help="folder of kits (%(default)s)")
    thing = argparse.ArgumentParser(add_help=False)
    thing.add_argument("--thing", required=True, help="the device's IoT thing")

    # The environment is read here, once.
    broker = argparse.ArgumentParser(add_help=False)
    broker.add_argument(
        "--env",
        default=os.environ.get("LAKECAST_ENV", "local"),
        help="environment of the estate (LAKECAST_ENV; now %(default)s)",
    )
    broker.add_argument(
        "--mqtt-host",
        default=os.environ.get("LAKECAST_MQTT_HOST"),
        help="broker (LAKECAST_MQTT_HOST; else the account's iot:Data-ATS endpoint)",
    )
    broker.add_argument(
        "--mqtt-port",
        type=int,
        default=os.environ.get("LAKECAST_MQTT_PORT") or str(MQTT_PORT),
        help="its port (LAKECAST_MQTT_PORT; now %(default)s)",
    )
    broker.add_argument(
        "--mqtt-ca-file",
        type=Path,
        default=os.environ.get("LAKECAST_MQTT_CA_FILE") or None,
        help="its certificate authority (LAKECAST_MQTT_CA_FILE; else the system's trust store)",
    )

    drain = argparse.ArgumentParser(add_help=False)
    drain.add_argument(
        "--drain",
        type=_seconds,
        default=timedelta(seconds=10),
        metavar="SECONDS",
        help="when stopped, wait that long for acknowledgements (10)",
    )
    drain.add_argument(
        "--transport",
        choices=TRANSPORTS,
        default=TRANSPORTS[0],
        help="MQTT library: the AWS IoT Device SDK, or Paho in pure Python (%(default)s)",
    )
    limits = Limits()
    drain.add_argument(
        "--keep-days",
        type=_positive,
        default=limits.max_age.days,
        metavar="DAYS",
        help="drop messages that wait longer, oldest first (%(default)s)",
    )
    drain.add_argument(
        "--keep-mb",
        type=_positive,
        default=limits.max_bytes // (1024 * 1024),
        metavar="MB",
        help="drop the oldest messages when more than so much waits (%(default)s)",
    )
    seed = argparse.ArgumentParser(add_help=False)
    seed.add_argument("--seed", type=int, default=0, help="of the simulation (%(default)s)")

    source = argparse.ArgumentParser(add_help=False, parents=[seed, drain])
    source.add_argument(
        "--data", type=Path, help="folder of CSV files; else stations are simulated"
    )
    source.add_argument(
        "--columns",
        default="uci-beijing",
        metavar="MAP",
        help=f"how to read it: {', '.join(SHIPPED)}, or a TOML file (%(default)s)",
    )
    source.add_argument(
        "--days", type=_positive, help=f"last days ({SIMULATED_DAYS}; with --data {RECORDED_DAYS})"
    )
    source.add_argument("--stations", type=_positive, help="number of stations (6; --data: all)")
    source.add_argument("--summary", type=Path, help="write what was done to this JSON file")
    source.add_argument(
        "--within-quota", action="store_true", help="keep to AWS IoT's 100 messages/s a connection"
    )
    source.add_argument(
        "--patience",
        type=_seconds,
        default=timedelta(seconds=60),
        metavar="SECONDS",
        help="give up after so long without a session (60)",
    )

    def command(name: str, function: object, parents: list[argparse.ArgumentParser]) -> None:
        told = function.__doc__
        sub = commands.add_parser(name, help=told, description=told, parents=parents)
        sub.set_defaults(command=function)

    command("provision", provision, [kits, thing, broker])
    command("run", run, [kits, thing, seed, drain])
    command("doctor", doctor, [kits, thing])
    command("replay", replay, [kits, thing, source])
    command("fleet", fleet, [kits, broker, source])
    commands.choices["run"].add_argument(
        "--delay",
        type=_delay,
        default=timedelta(seconds=1),
        metavar="MS",
        help="milliseconds between readings, at least 250 (1000)",
    )
    commands.choices["run"].add_argument(
        "--heartbeat",
        type=_natural,
        default=60,
        metavar="SECONDS",
        help="report the device's state on its status topic that often; 0 is never (60)",
    )
    commands.choices["run"].add_argument(
        "--site",
        default=SITES[0].station.name,
        choices=[site.station.name for site in SITES],
        help="surroundings to simulate (%(default)s)",
    )
    commands.choices["run"].add_argument(
        "--sensor",
        default="simulated",
        metavar="NAME",
        help="what to read: simulated, csv, stdin, or another that is installed (%(default)s)",
    )
    commands.choices["run"].add_argument(
        "--option",
        action="append",
        type=_key_and_value,
        default=[],
        metavar="KEY=VALUE",
        help="of the sensor, any number of times; see device/README.md",
    )
    commands.choices["replay"].add_argument("--station", help="whose readings (as --thing)")
    commands.choices["fleet"].add_argument(
        "--faulty", action="store_true", help="one station also sends three broken messages"
    )
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number; got {text}")
    return value


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE; got {text!r}")
    return key, value


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more; got {text}")
    return value


def _seconds(text: str) -> timedelta:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds, 0 or more; got {text}")
    return timedelta(seconds=value)


def _delay(text: str) -> timedelta:
    try:
        delay = timedelta(milliseconds=float(text))
        Pace(delay)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return delay


if __name__ == "__main__":
    sys.exit(main())
