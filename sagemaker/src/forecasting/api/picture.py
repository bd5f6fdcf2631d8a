"""Draws one series' forecasts on several days: history, bands, medians and observed values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # no display is needed

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
from evaluation_container.scoring.metrics import MEDIAN, Floats

from contracts.models.forecast_input import HORIZON
from forecasting.lake.hourly_series import HOUR, Lake, SeriesKey

HISTORY_HOURS = 5 * 24


def draw(lake: Lake, key: SeriesKey, forecasts: Mapping[datetime, Floats], path: Path) -> None:
    """Write a PNG.

    Parameters
    ----------
    forecasts
        Quantiles of the hours from each origin, shape (hours, quantiles).
    """
    first, last = min(forecasts), max(forecasts)
    history = lake.before(key, first)[-HISTORY_HOURS:]
    hours = int((last - first) / HOUR) + HORIZON
    figure, axes = plt.subplots(figsize=(10, 4), layout="constrained")
    past = _days(first - len(history) * HOUR, len(history))
    axes.plot(past, history, color="0.35", linewidth=1.2, label="history")
    for origin, quantiles in forecasts.items():
        future = _days(origin, HORIZON)
        for outer, shade in ((0, 0.18), (2, 0.30)):  # 0.1 to 0.9, and 0.3 to 0.7
            low, high = quantiles[:, outer], quantiles[:, -1 - outer]
            label = f"0.{outer + 1} to 0.{9 - outer}" if origin == first else None
            axes.fill_between(future, low, high, color="C0", alpha=shade, linewidth=0, label=label)
        median = "median" if origin == first else None
        axes.plot(future, quantiles[:, MEDIAN], color="C0", linewidth=1.6, label=median)
        axes.axvline(float(future[0]), color="0.6", linewidth=0.8, linestyle="--")
    axes.plot(
        _days(first, hours),
        lake.between(key, first, hours),
        "o-",
        color="C3",
        markersize=3,
        linewidth=1,
        label="observed",
    )
    axes.set_title(f"{key.pollutant.replace('_', ' ')} at {key.device_id}", loc="left")
    axes.set_ylabel("µg/m³")
    axes.set_ylim(bottom=0)
    axes.xaxis_date("UTC")
    axes.legend(loc="upper left", ncols=5, frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _days(start: datetime, hours: int) -> Floats:
    """Return consecutive hours in Matplotlib's unit, days."""
    times = np.datetime64(start.replace(tzinfo=None), "h") + np.arange(hours)
    days: Floats = np.asarray(mdates.date2num(times), dtype=np.float64)  # type: ignore[no-untyped-call]
    return days
