"""Ranges of a reading's numbers. Both the ETL's checks and the lake's expectations use them."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.messages.telemetry import CONCENTRATION_FLOORS, CONCENTRATION_LIMITS, POLLUTANTS


@dataclass(frozen=True)
class Limit:
    """A range of a field's values, both ends included; null is allowed.

    Parameters
    ----------
    reason
        Reason for quarantine of a message outside the range.
    """

    field: str
    low: float
    high: float
    reason: str

    def admits(self, value: float | None) -> bool:
        """Returns whether a value is null or in the range."""
        return value is None or self.low <= value <= self.high

    def complaint(self, value: float | None) -> str:
        """Returns the message for a value outside the range."""
        return f"expected {self.field} from {self.low:,} to {self.high:,}; got {value}"


OUT_OF_RANGE = "out_of_range"
IMPOSSIBLE_CONCENTRATION = "impossible_concentration"

SEQUENCE = Limit("sequence", 0, 2**63 - 1, OUT_OF_RANGE)
POSITION = (
    Limit("longitude", -180, 180, OUT_OF_RANGE),
    Limit("latitude", -90, 90, OUT_OF_RANGE),
)
CONCENTRATIONS = tuple(
    Limit(
        pollutant,
        CONCENTRATION_FLOORS[pollutant],
        CONCENTRATION_LIMITS[pollutant],
        IMPOSSIBLE_CONCENTRATION,
    )
    for pollutant in POLLUTANTS
)
LIMITS = (SEQUENCE, *POSITION, *CONCENTRATIONS)
