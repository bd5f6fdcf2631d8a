"""Options shared by several commands of the local cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

State = Annotated[Path, Parameter(help="Folder for all local files.")]
Port = Annotated[int, Parameter(validator=Number(gte=1, lte=65535), help="Port of AWS's API.")]
MqttPort = Annotated[
    int, Parameter(validator=Number(gte=1, lte=65535), help="Port of the MQTT broker.")
]
