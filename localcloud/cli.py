"""``python -m localcloud up|down|status|serve|run``: AWS on this laptop."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from localcloud.cloud import launch
from localcloud.cloud.home import DEFAULT_HOME, DEFAULT_MQTT_PORT, DEFAULT_PORT, CloudConfig
from localcloud.server.process import AlreadyServingError, serve

NOT_RUNNING = "the local cloud is not running; say `make up` first"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; the exit code is 1 where the cloud isn't as the verb needs it."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=options.verb == "run", highlight=False)
    try:
        code: int = options.run(options, console)
    except launch.LocalCloudError as error:
        print(f"localcloud: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _up(options: argparse.Namespace, console: Console) -> int:
    config = _config(options)
    cloud = launch.find(config.home)
    if cloud is None:
        with console.status("starting the local cloud"):
            cloud = launch.start(config)
        console.print(f"· the local cloud is up (process {cloud.pid})")
    else:
        console.print(f"· the local cloud is already up (process {cloud.pid})")
    _describe(cloud, console)
    console.print("next: make plan")
    return 0


def _down(options: argparse.Namespace, console: Console) -> int:
    with console.status("stopping the local cloud: delivering what is buffered, saving its state"):
        stopped = launch.stop(_config(options))
    console.print(
        f"· the local cloud is down; its state waits in {options.home}"
        if stopped
        else "· the local cloud was not running"
    )
    return 0


def _status(options: argparse.Namespace, console: Console) -> int:
    cloud = launch.find(options.home)
    if cloud is None:
        console.print(f"· {NOT_RUNNING}")
        return 1
    console.print(f"· the local cloud is up (process {cloud.pid})")
    _describe(cloud, console)
    return 0


def _serve(options: argparse.Namespace, _: Console) -> int:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s [%(name)s] %(message)s"
    )
    try:
        serve(_config(options))
    except AlreadyServingError as error:
        raise launch.LocalCloudError(str(error)) from None
    return 0


def _run(options: argparse.Namespace, _: Console) -> int:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise launch.LocalCloudError("expected a command: python -m localcloud run -- COMMAND …")
    cloud = launch.find(options.home)
    if cloud is None:
        raise launch.LocalCloudError(NOT_RUNNING)
    try:
        os.execvpe(command[0], command, {**os.environ, **cloud.env})  # noqa: S606 - the very purpose
    except FileNotFoundError:
        raise launch.LocalCloudError(f"no such command: {command[0]}") from None


def _describe(cloud: launch.LocalCloud, console: Console) -> None:
    console.print(f"  AWS API  {cloud.endpoint_url} ({cloud.config.region})")
    console.print(f"  MQTT     127.0.0.1:{cloud.config.mqtt_port}, certificates required")
    console.print(f"  clients  source {cloud.config.environment_file}")
    console.print(f"  log      {cloud.config.log_file}")


def _config(options: argparse.Namespace) -> CloudConfig:
    return CloudConfig(home=options.home, port=options.port, mqtt_port=options.mqtt_port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description="AWS on this laptop.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, run, description in (
        ("up", _up, "start it in the background"),
        ("down", _down, "stop it; its state is kept"),
        ("status", _status, "say whether it runs, and where"),
        ("serve", _serve, "serve in the foreground"),
        ("run", _run, "run a command against it"),
    ):
        verb = verbs.add_parser(name, help=description, description=description)
        verb.set_defaults(run=run)
        verb.add_argument(
            "--home", type=Path, default=DEFAULT_HOME, help="folder of its state (%(default)s)"
        )
        if name in ("up", "serve", "down"):
            verb.add_argument("--port", type=_port, default=DEFAULT_PORT, help="of AWS's API")
            verb.add_argument(
                "--mqtt-port", type=_port, default=DEFAULT_MQTT_PORT, help="of the MQTT broker"
            )
        if name == "run":
            verb.add_argument("command", nargs=argparse.REMAINDER, help="-- COMMAND …")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535; got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
