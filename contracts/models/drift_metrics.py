"""CloudWatch metrics of drift. Each is the ratio of a measured value to its limit: 1 is the limit.

The dimensions are ``environment`` and, for a single pollutant, ``pollutant``. Without
``pollutant``, the value is the maximum over all pollutants, or the ratio of their mean for `LOSS`.
The namespace is `contracts.lake.runs.NAMESPACE`.
"""

from __future__ import annotations

INPUT = "InputDrift"
"""Distance of the last week's values from each device's usual values."""
MISSING = "MissingHours"
"""Share of the last week's hours without a value."""
LOSS = "ForecastLoss"
"""Weighted quantile loss of the last week's nightly forecasts."""
UNKNOWN = "UnknownCategories"
"""Number of devices and pollutants with values in the last week that the model was not trained on;
the limit is one."""

METRICS = (INPUT, MISSING, LOSS, UNKNOWN)
