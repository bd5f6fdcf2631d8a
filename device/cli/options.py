"""The command line of ``lakecast-device``: its verbs, their options, and what those may be."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from device.agent.batching import MAX_READINGS, Batching
from device.agent.pace import Pace
from device.agent.sampling import interval_of
from device.cli import certificate_options
from device.mqtt.kit import MQTT_PORT
from device.mqtt.transports import TRANSPORTS
from device.outbox.retention import Limits
from device.sensors.column_map import SHIPPED
from device.sensors.simulation import SITES

Command = Callable[[argparse.Namespace], int]

DEVICES = Path(".lakecast/devices")
SIMULATED_DAYS = 60
RECORDED_DAYS = 120

DESCRIPTION = """Take a sensor's readings to the lake by MQTT, losing none.

Begin with `provision`, which makes the device's certificate; then `run`. Where readings don't
arrive, `doctor` tells why. `replay` and `fleet` send recorded or simulated stations at once.

A device in the field makes its own certificate by `claim`, and its next one by `rotate`; an
operator lets it by `claim-kit` and `allow`, and cuts it off by `revoke`.
"""


def parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    """The parser of all verbs; the options it returns hold the chosen one as ``command``.

    Parameters
    ----------
    commands
        Functions named as their verbs are, with an underscore for a hyphen.
    """
    made = argparse.ArgumentParser(
        prog="lakecast-device",
        description=DESCRIPTION,
        epilog="`lakecast-device COMMAND --help` lists a command's options.",
    )
    verbs = made.add_subparsers(required=True, metavar="COMMAND")

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
    drain.add_argument(
        "--batch-readings",
        type=_batch,
        metavar="N",
        help=f"send up to so many readings in one message, at most {MAX_READINGS} (1)",
    )
    drain.add_argument(
        "--batch-seconds",
        type=_seconds,
        metavar="SECONDS",
        help="send a message that long after its first reading, however few it holds (when full)",
    )
    drain.add_argument(
        "--basic-ingest",
        action="store_true",
        help="send readings to the estate's rule alone: no messaging charge, no subscribers",
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
        "--unthrottled",
        action="store_true",
        help="for brokers without AWS IoT's quotas of 100 messages and 512 KiB a second",
    )
    source.add_argument(
        "--patience",
        type=_seconds,
        default=timedelta(seconds=60),
        metavar="SECONDS",
        help="give up after so long without a session (60)",
    )

    options = {
        "provision": [kits, thing, broker],
        "run": [kits, thing, seed, drain],
        "interval": [thing],
        "doctor": [kits, thing],
        "replay": [kits, thing, source],
        "fleet": [kits, broker, source],
        **certificate_options.parents(kits, thing, broker),
    }
    for command in commands:
        name, told = command.__name__.replace("_", "-"), command.__doc__
        verb = verbs.add_parser(name, help=told, description=told, parents=options[name])
        verb.set_defaults(command=command)
    certificate_options.add(verbs.choices)
    verbs.choices["run"].add_argument(
        "--delay",
        type=_delay,
        default=timedelta(seconds=1),
        metavar="MS",
        help="milliseconds between readings, at least 250 (1000)",
    )
    verbs.choices["run"].add_argument(
        "--heartbeat",
        type=_natural,
        default=60,
        metavar="SECONDS",
        help="report the device's state on its status topic that often; 0 is never (60)",
    )
    verbs.choices["run"].add_argument(
        "--site",
        default=SITES[0].station.name,
        choices=[site.station.name for site in SITES],
        help="surroundings to simulate (%(default)s)",
    )
    verbs.choices["run"].add_argument(
        "--sensor",
        default="simulated",
        metavar="NAME",
        help="what to read: simulated, csv, stdin, or another that is installed (%(default)s)",
    )
    verbs.choices["run"].add_argument(
        "--option",
        action="append",
        type=_key_and_value,
        default=[],
        metavar="KEY=VALUE",
        help="of the sensor, any number of times; see device/README.md",
    )
    desired = verbs.choices["interval"].add_mutually_exclusive_group()
    desired.add_argument(
        "--seconds", type=_interval, help="from one reading to the next, 0.25 to 86400"
    )
    desired.add_argument(
        "--unset", action="store_true", help="desire nothing: the device's own --delay holds again"
    )
    verbs.choices["replay"].add_argument("--station", help="whose readings (as --thing)")
    verbs.choices["fleet"].add_argument(
        "--faulty", action="store_true", help="one station also sends three broken messages"
    )
    return made


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number; got {text}")
    return value


def _interval(text: str) -> timedelta:
    try:
        return interval_of(float(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _batch(text: str) -> int:
    try:
        return Batching(int(text)).readings
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


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
