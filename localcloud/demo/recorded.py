"""Recorded stations for the demo, checked before it starts anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from contracts.recordings.errors import RecordingError
from contracts.recordings.folder import STATIONS_FILE, column_map, examined, station_files
from contracts.recordings.left_out import LeftOut
from contracts.recordings.recorded_file import RecordedFile


@dataclass(frozen=True)
class Recorded:
    """A folder of station files.

    Parameters
    ----------
    columns
        Name or TOML file of the column map; None means the built-in map that fits.
    """

    folder: Path
    columns: str | None

    def options(self) -> list[str]:
        """Returns the options of ``make device``."""
        chosen = [f"COLUMNS={self.columns}"] if self.columns else []
        return [f"DATA={self.folder}", *chosen]

    def check(self, least: timedelta) -> None:
        """Checks that the folder can be read and covers a period.

        Raises
        ------
        RecordingError
            No file can be used, or the readings cover less.
        """
        columns = column_map(self.folder, self.columns)
        if not (self.folder / STATIONS_FILE).is_file():
            raise RecordingError(
                f"{self.folder / STATIONS_FILE} is missing: it gives the stations' coordinates "
                "(columns station, longitude, latitude)"
            )

        def span(station: str, path: Path) -> tuple[datetime, datetime]:
            file = RecordedFile.open(path, columns, station)
            moments = [row.moment for row in file.rows(LeftOut(path))]
            return min(moments), max(moments)

        spans, _ = examined(station_files(self.folder, columns), span)
        moments = [moment for found in spans.values() for pair in found for moment in pair]
        covered = max(moments) - min(moments)
        if covered < least:
            raise RecordingError(
                f"{self.folder}: expected readings of more than {least.days} days, the last of "
                f"which are held out from training; got {covered / timedelta(days=1):.1f} days"
            )
