"""Ranges of a reading's numbers, which the ETL enforces and the lake's expectations measure.

Each range is an entry of `LIMITS`, from which both are made.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.messages.telemetry import CONCENTRATION_LIMITS, POLLUTANTS


@dataclass(frozen=True)
class Limit:
    """A range that a field lies in, both ends included, where it is not null.

    Parameters
    ----------
    reason
        Reason for quarantine of a message beyond it.
    """

    field: str
    low: float
    high: float
    reason: str

    def admits(self, value: float | None) -> bool:
        """Whether a value is in the range, or null."""
        return value is None or self.low <= value <= self.high

    def complaint(self, value: float | None) -> str:
        """What to say of a value that is not."""
        return f"expected {self.field} from {self.low:,} to {self.high:,}; got {value}"


OUT_OF_RANGE = "out_of_range"
IMPOSSIBLE_CONCENTRATION = "impossible_concentration"

SEQUENCE = Limit("sequence", 0, 2**63 - 1, OUT_OF_RANGE)
POSITION = (
    Limit("longitude", -180, 180, OUT_OF_RANGE),
    Limit("latitude", -90, 90, OUT_OF_RANGE),
)
CONCENTRATIONS = tuple(
    Limit(pollutant, 0, CONCENTRATION_LIMITS[pollutant], IMPOSSIBLE_CONCENTRATION)
    for pollutant in POLLUTANTS
)
LIMITS = (SEQUENCE, *POSITION, *CONCENTRATIONS)
