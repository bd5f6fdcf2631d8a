"""Creates the recordings that the agents replay, and the identities that must arrive.

The identities are derived here from the files, independently of the agents. A restarted agent
reads its file from the start and sends every reading with the same identity again.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts.recordings.column_map import ColumnMap
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
    """One sensor's file, and its values that must be in the lake.

    Parameters
    ----------
    thing_name
        Thing name of the device.
    folder
        Folder of its file.
    columns
        Column map for the agent's ``--columns``.
    ozone
        Ozone in µg/m³ by identity.
    """

    thing_name: str
    folder: Path
    columns: Path
    ozone: dict[Identity, float]


def record(folder: Path, devices: int, readings: int, dice: random.Random) -> list[Recorded]:
    """Create each device's share of the readings, evenly spread over `SPAN`."""
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
    boot = str(Boot.of_recording(thing_name, recording.parts[0].source).boot_id)
    return Recorded(
        thing_name,
        own,
        columns,
        {(thing_name, boot, place): value for place, value in enumerate(ozone)},
    )
