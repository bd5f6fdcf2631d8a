"""Builds the HTML page that shows how the last week differs from the model's reference."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from contracts.models import drift_metrics as metric
from evaluation_container.pages.charts import Plane
from evaluation_container.scoring.metrics import Floats

TITLES = {
    metric.INPUT: "values unlike the months before training",
    metric.MISSING: "hours without a value",
    metric.LOSS: "weighted quantile loss of the week's forecasts",
    metric.UNKNOWN: "devices and pollutants that the model does not know",
}


def page(document: Mapping[str, Any], tenths: Mapping[str, Floats]) -> str:
    """Build the page.

    Parameters
    ----------
    document
        Content of ``drift.json``.
    tenths
        By pollutant, shares of the week's values in each tenth of the usual values.
    """
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    title = f"Drift up to {document['origin'][:16].replace('T', ' ')} UTC"
    rows = "".join(_row(finding) for finding in document["findings"])
    charts = "".join(_chart(pollutant, shares) for pollutant, shares in tenths.items())
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(title)}</title><style>{style}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            '<p class="soft">Seven days, compared with the data that version '
            f"{document['version']} of the model was trained and judged on. One ordinary week in a "
            "hundred exceeds a ratio of 1.</p>",
            '<div class="wide"><table><thead><tr><th class="name">check</th>'
            '<th class="name">pollutant</th>'
            "<th>measured</th><th>limit</th><th>ratio</th><th>verdict</th></tr></thead>",
            f"<tbody>{rows}</tbody></table></div>",
            "<h2>Distribution of the week's values</h2>",
            "<p class=\"soft\">Share of the week's values in each tenth of the device's usual "
            "values, lowest first. In a usual week, each bar reaches the dashed line.</p>",
            f'<div class="charts">{charts}</div></body></html>',
        ]
    )


def _row(finding: Mapping[str, Any]) -> str:
    style = {"beyond": "bad", "usual": "good"}.get(finding["verdict"], "")
    numbers = "".join(f"<td>{_number(finding[name])}</td>" for name in ("value", "limit", "ratio"))
    return (
        f'<tr><td class="name">{TITLES[finding["check"]]}</td>'
        f'<td class="name">{escape(finding["subject"].replace("_", " "))}</td>{numbers}'
        f'<td class="{style}">{finding["verdict"]}</td></tr>'
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _chart(pollutant: str, shares: Floats) -> str:
    plane = Plane((0, len(shares)), (0, max(0.3, float(shares.max()))))
    bars = "".join(
        f'<rect class="band" x="{plane.across(number + 0.1):.1f}" y="{plane.down(share):.1f}" '
        f'width="{plane.across(0.8) - plane.across(0):.1f}" '
        f'height="{plane.down(0) - plane.down(share):.1f}"/>'
        for number, share in enumerate(shares)
    )
    usual = np.full(2, 1 / len(shares))
    line = plane.line(np.array([0.0, len(shares)]), usual, "ideal")
    name = escape(pollutant.replace("_", " "))
    return (
        f'<figure><svg viewBox="0 0 560 270" role="img" aria-label="{name}">{bars}{line}</svg>'
        f"<figcaption>{name}</figcaption></figure>"
    )
