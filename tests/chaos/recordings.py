"""What the sensors measured: files that the agents replay, and the identities that must arrive.

The identities are written down here, from the files, before any agent has seen them. A killed
agent begins its file anew and sends every reading under the identity that it had before.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from device.sensors.column_map import ColumnMap
from device.sensors.readings import Boot
from device.sensors.recordings import find_recordings

FIRST_READING = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=10)
COLUMNS = """\
file_pattern = '(?P<station>.+)\\.csv'
time = "time"

[columns]
ozone = "ozone"
nitrogen_dioxide = "nitrogen_dioxide"
"""

Identity = tuple[str, str, int]  # device, boot, sequence


@dataclass(frozen=True)
class Recorded:
    """One sensor's file, and what must be in the lake of it.

    Parameters
    ----------
    thing_name
        The device.
    folder
        Where its file is.
    columns
        How to read it, for the agent's ``--columns``.
    ozone
        µg/m³ by identity.
    """

    thing_name: str
    folder: Path
    columns: Path
    ozone: dict[Identity, float]


def record(folder: Path, devices: int, readings: int, dice: random.Random) -> list[Recorded]:
    """Let every device's sensor measure its share of the readings, evenly over `SPAN`."""
    folder.mkdir(parents=True)
    columns = folder / "columns.toml"
    columns.write_text(COLUMNS)
    share, rest = divmod(readings, devices)
    return [
        _record(folder, columns, f"chaos-{number:02d}", share + (number < rest), dice)
        for number in range(devices)
    ]


def _record(
    folder: Path, columns: Path, thing_name: str, readings: int, dice: random.Random
) -> Recorded:
    own = folder / thing_name
    own.mkdir()
    ozone = [round(dice.uniform(1, 180), 1) for _ in range(readings)]
    every = timedelta(seconds=SPAN.total_seconds() // readings)
    with (own / f"{thing_name}.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "ozone", "nitrogen_dioxide"])
        for place, value in enumerate(ozone):
            rows.writerow([(FIRST_READING + place * every).isoformat(), value, 20.0])
    (own / "stations.csv").write_text(f"station,longitude,latitude\n{thing_name},13.4,52.5\n")
    (recording,) = find_recordings(own, ColumnMap.from_toml(columns))
    boot = str(Boot.of_recording(thing_name, recording.source).boot_id)
    return Recorded(
        thing_name,
        own,
        columns,
        {(thing_name, boot, place): value for place, value in enumerate(ozone)},
    )
