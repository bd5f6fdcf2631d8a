"""The command ``demo``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.types import ExistingDirectory
from cyclopts.validators import Number

from localcloud.cli.options import MqttPort, Port, State
from localcloud.cloud.home import DEFAULT_HOME, DEFAULT_MQTT_PORT, DEFAULT_PORT, CloudConfig
from localcloud.demo import walkthrough
from localcloud.demo.recorded import Recorded


def demo(
    *,
    data: Annotated[ExistingDirectory | None, Parameter(show_env_var=False)] = None,
    columns: str | None = None,
    days: Annotated[int, Parameter(validator=Number(gte=1))] | None = None,
    port: Port = DEFAULT_PORT,
    mqtt_port: MqttPort = DEFAULT_MQTT_PORT,
    state: State = DEFAULT_HOME,
) -> None:
    """Run everything once, from device to forecast.

    Parameters
    ----------
    data
        Folder of CSV files of stations; default: six simulated stations.
    columns
        Column map of the files, or a TOML file; default: recognised by their columns.
    days
        Days of readings to replay; default: 60, or 120 with --data.
    """
    config = CloudConfig(home=state, port=port, mqtt_port=mqtt_port)
    walkthrough.walk(config, Recorded(data, columns) if data else None, days)
