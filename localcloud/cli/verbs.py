"""Commands that start, stop and inspect the local cloud."""

from __future__ import annotations

import logging

from rich.console import Console

from localcloud.cli.options import MqttPort, Port, State
from localcloud.cloud import launch
from localcloud.cloud.home import DEFAULT_HOME, DEFAULT_MQTT_PORT, DEFAULT_PORT, CloudConfig
from localcloud.server import process


def up(
    *,
    port: Port = DEFAULT_PORT,
    mqtt_port: MqttPort = DEFAULT_MQTT_PORT,
    state: State = DEFAULT_HOME,
) -> None:
    """Start the local cloud in the background."""
    console = Console(highlight=False)
    cloud = launch.find(state)
    if cloud is None:
        with console.status("starting the local cloud"):
            cloud = launch.start(CloudConfig(home=state, port=port, mqtt_port=mqtt_port))
        console.print(f"· the local cloud is up (process {cloud.pid})")
    else:
        console.print(f"· the local cloud is already up (process {cloud.pid})")
    _describe(cloud, console)
    console.print("next: make plan")


def down(*, state: State = DEFAULT_HOME) -> None:
    """Stop the local cloud; its state is kept."""
    console = Console(highlight=False)
    with console.status("stopping the local cloud: delivering what is buffered, saving its state"):
        stopped = launch.stop(CloudConfig(home=state))
    console.print(
        f"· the local cloud is down; its state is kept in {state}"
        if stopped
        else "· the local cloud was not running"
    )


def status(*, state: State = DEFAULT_HOME) -> int:
    """Show whether the local cloud runs, and its addresses."""
    console = Console(highlight=False)
    cloud = launch.find(state)
    if cloud is None:
        console.print(f"· {launch.NOT_RUNNING}")
        return 1
    console.print(f"· the local cloud is up (process {cloud.pid})")
    _describe(cloud, console)
    return 0


def serve(
    *,
    port: Port = DEFAULT_PORT,
    mqtt_port: MqttPort = DEFAULT_MQTT_PORT,
    state: State = DEFAULT_HOME,
) -> None:
    """Run the local cloud in the foreground."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s [%(name)s] %(message)s"
    )
    process.serve(CloudConfig(home=state, port=port, mqtt_port=mqtt_port))


def _describe(cloud: launch.LocalCloud, console: Console) -> None:
    console.print(f"  AWS API  {cloud.endpoint_url} ({cloud.config.region})")
    console.print(f"  MQTT     127.0.0.1:{cloud.config.mqtt_port}, certificates required")
    console.print(f"  clients  source {cloud.config.environment_file}")
    console.print(f"  log      {cloud.config.log_file}")
