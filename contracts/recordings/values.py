"""Parses the values of recorded rows by a column map, and checks their limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from contracts.messages.limits import CONCENTRATIONS
from contracts.recordings.column_map import ColumnMap
from contracts.recordings.drivers import COMPASS, DRIVER_LIMITS, WIND_DIRECTION
from contracts.recordings.errors import UnreadableError
from contracts.recordings.units import KNOWN, factor

LIMITS = {limit.field: (limit.low, limit.high) for limit in CONCENTRATIONS} | DRIVER_LIMITS
"""Possible values of pollutants, as in the contract of the message, and of drivers."""

_REMEMBERED, _SHORT = 1 << 16, 40
_DEGREES = {point: 22.5 * number for number, point in enumerate(COMPASS)}


class NotANumberError(UnreadableError):
    """A field that has to be a number and is not."""


@dataclass
class ValueParser:
    """Parses the fields of one pollutant or driver.

    Parameters
    ----------
    kept, missing, impossible, others
        Counts of numbers that can be used, of missing values, of numbers that cannot be used, and
        of fields that are none of these.
    has_point
        Whether a number had a decimal point.
    """

    name: str
    column: str
    columns: ColumnMap
    kept: int = 0
    missing: int = 0
    impossible: int = 0
    others: int = 0
    has_point: bool = False
    _known: dict[str, float | None] = field(default_factory=dict)
    _missing: frozenset[str] = field(init=False)
    _missing_numbers: frozenset[float] = field(init=False)

    def __post_init__(self) -> None:
        self._missing = frozenset(text.strip().casefold() for text in self.columns.missing) | {""}
        self._missing_numbers = frozenset(
            number for text in self._missing if (number := self._number(text)) is not None
        )
        self._low, self._high = LIMITS[self.name]
        unit = self.columns.units.get(self.name)
        self._factor = factor(unit, self.name) if unit else self.columns.factors.get(self.name)

    def value(self, text: str, unit: str | None = None) -> float | None:
        """Returns the value of a field, in µg/m³ for pollutants; None if it is missing.

        Parameters
        ----------
        unit
            Unit in the row, of a file in long format.

        Raises
        ------
        NotANumberError
            The field is neither a number nor a sign of a missing value.
        UnreadableError
            The value is impossible, or the unit unknown.
        """
        if unit is None and text in self._known:  # most values occur many times
            value = self._known[text]
        else:
            value = self._parsed(text.strip(), unit)
            if unit is None and len(self._known) < _REMEMBERED and len(text) <= _SHORT:
                self._known[text] = value
        if value is None:
            self.missing += 1
        else:
            self.kept += 1
        return value

    def _parsed(self, text: str, unit: str | None) -> float | None:
        if text.casefold() in self._missing:
            return None
        number = self._number(text)
        if number is None:
            self.others += 1
            raise NotANumberError(self.column, self._expected_number(), text)
        self.has_point |= "." in text
        if number in self._missing_numbers:
            return None
        by = self._factor
        if unit is not None and by is None:
            by = factor(unit, self.name)
            if by is None:
                self.impossible += 1
                raise UnreadableError(self.columns.unit, f"{KNOWN} of {self.name}", unit)
        value = number if by is None or by == 1 else round(number * by, 6)
        if not self._low <= value <= self._high:
            self.impossible += 1
            expected = f"{self.name} from {self._low:,} to {self._high:,}"
            raise UnreadableError(self.column, expected, text)
        return value

    def _expected_number(self) -> str:
        point = ", with a decimal comma" if self.columns.decimal == "," else ""
        return f"a number{point} (texts for a missing value stand in `missing`)"

    def _number(self, text: str) -> float | None:
        if self.name == WIND_DIRECTION and text in _DEGREES:
            return _DEGREES[text]
        if self.columns.decimal == ",":
            if "." in text:
                return None
            text = text.replace(",", ".")
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) and "_" not in text else None
