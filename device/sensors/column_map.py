"""Reads rows of CSV files by a column map, which is described in TOML."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

from contracts.messages.telemetry import POLLUTANTS
from device.errors import RecordingError

_SHIPPED_FOLDER = Path(__file__).with_name("column_maps")
SHIPPED = tuple(sorted(path.stem for path in _SHIPPED_FOLDER.glob("*.toml")))
"""Names of the maps that are shipped with the agent."""


@dataclass(frozen=True)
class ColumnMap:
    """The format of a folder of CSV files.

    Parameters
    ----------
    file_pattern
        Regular expression of the whole file name; its group ``station`` is the station's name.
    columns
        Column of each pollutant, values in µg/m³. Pollutants without one are not measured.
    time
        One column with ISO 8601 times, or the columns year, month, day and hour; with a
        ``time_format``, any columns, joined by a space.
    time_format
        Format for `datetime.strptime`.
    utc_offset_hours
        UTC offset of times without one.
    missing
        Texts that mean a missing value; a number also matches in another notation (-200,0).
    delimiter, decimal
        Column delimiter and decimal separator.
    factors
        Factors that convert a pollutant's column to µg/m³.
    optional
        Whether a pollutant's column may be missing; the pollutant is then not measured.
    """

    file_pattern: str
    columns: Mapping[str, str]
    time: tuple[str, ...]
    utc_offset_hours: float = 0
    missing: tuple[str, ...] = ("", "NA")
    time_format: str | None = None
    delimiter: str = ","
    decimal: str = "."
    factors: Mapping[str, float] = field(default_factory=dict)
    optional: bool = False

    def __post_init__(self) -> None:
        if "station" not in re.compile(self.file_pattern).groupindex:
            raise ValueError(f"file_pattern has no group (?P<station>…): {self.file_pattern!r}")
        for table, named in (("columns", self.columns), ("factors", self.factors)):
            if unknown := set(named) - set(POLLUTANTS):
                raise ValueError(
                    f"[{table}] may name {', '.join(POLLUTANTS)}; got {', '.join(sorted(unknown))}"
                )
        if self.time_format is None and len(self.time) not in (1, 4):
            raise ValueError("time is one column, or the four of year, month, day and hour")
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        object.__setattr__(self, "factors", MappingProxyType(dict(self.factors)))

    @classmethod
    def from_toml(cls, path: Path) -> ColumnMap:
        """Read a map whose keys are the parameters above.

        Raises
        ------
        RecordingError
            The file is missing or does not describe a folder of CSV files.
        """
        try:
            document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            if isinstance(document.get("time"), str):
                document["time"] = [document["time"]]
            for key in {"time", "missing"} & set(document):
                document[key] = tuple(document[key])
            return cls(**document)
        except (OSError, TypeError, ValueError, re.error) as error:
            raise RecordingError(f"column map {path}: {error}") from error

    @classmethod
    def named(cls, name: str) -> ColumnMap:
        """Read a shipped map by its name, or a map from a file.

        Raises
        ------
        RecordingError
            Neither exists, or the file does not describe a folder of CSV files.
        """
        if name in SHIPPED:
            return cls.from_toml(_SHIPPED_FOLDER / f"{name}.toml")
        if not Path(name).is_file():
            raise RecordingError(
                f"column map {name}: no such file, and none of {', '.join(SHIPPED)}"
            )
        return cls.from_toml(Path(name))

    def describe(self) -> str:
        """Return the whole map as one stable text.

        The text is part of a replay's identity, so later parameters are left out at their defaults.
        """
        text = f"{sorted(self.columns.items())} {self.time} {self.utc_offset_hours} {self.missing}"
        if self.factors:
            text += f" factors {sorted(self.factors.items())}"
        for name in ("time_format", "delimiter", "decimal", "optional"):
            if getattr(self, name) != getattr(ColumnMap, name):
                text += f" {name} {getattr(self, name)!r}"
        return text

    def time_of(self, row: Mapping[str, str]) -> datetime:
        """Parse the time of a row, in UTC.

        Raises
        ------
        ValueError
            A part of the time is not a number, or the day does not exist.
        """
        if self.time_format is not None:
            text = " ".join(row[column] for column in self.time)
            moment = datetime.strptime(text, self.time_format)  # noqa: DTZ007 - the offset follows
        elif len(self.time) == 1:
            moment = datetime.fromisoformat(row[self.time[0]])
        else:
            year, month, day, hour = (int(row[column]) for column in self.time)
            moment = datetime(year, month, day, hour)  # noqa: DTZ001 - the offset follows
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone(timedelta(hours=self.utc_offset_hours)))
        return moment.astimezone(UTC)

    def concentrations_of(self, row: Mapping[str, str]) -> dict[str, float | None]:
        """Parse µg/m³ by pollutant; None for missing values.

        Raises
        ------
        ValueError
            A value is neither a finite number nor one of `missing`.
        """
        return {
            name: self._number(row, column, self.factors.get(name))
            for name, column in self.columns.items()
            if not self.optional or column in row
        }

    def _number(self, row: Mapping[str, str], column: str, factor: float | None) -> float | None:
        text = row[column].strip()
        if text in self.missing:
            return None
        value = _float(text.replace(self.decimal, "."))
        if any(value == _float(missing) for missing in self.missing):
            return None
        if not math.isfinite(value):
            raise ValueError(f"column {column}: expected a number or nothing; got {text!r}")
        return value if factor is None else round(value * factor, 6)


def _float(text: str) -> float:
    """Parse a number; NaN if it is not one."""
    try:
        return float(text)
    except ValueError:
        return math.nan


UCI_BEIJING = ColumnMap.named("uci-beijing")
