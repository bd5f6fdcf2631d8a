"""What CloudWatch is told of drift: ratios of what was measured to its limit, so 1 is the limit.

The dimensions are ``environment``, and for one pollutant ``pollutant``; without it, the value is
the largest of all pollutants', or for `LOSS` that of their mean. The namespace is
`contracts.lake.runs.NAMESPACE`.
"""

from __future__ import annotations

INPUT = "InputDrift"
"""How far the last week's values are from what is usual for each device."""
MISSING = "MissingHours"
"""Share of the last week's hours without a value."""
LOSS = "ForecastLoss"
"""Weighted quantile loss of the last week's nightly forecasts."""
UNKNOWN = "UnknownCategories"
"""Devices and pollutants that measured something in the last week, and that the model was not
trained on; one is the limit."""

METRICS = (INPUT, MISSING, LOSS, UNKNOWN)
