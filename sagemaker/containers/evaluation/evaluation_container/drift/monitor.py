"""Measures how the last week's input and forecast losses differ from the model's reference.

Each measurement is divided by its limit in the model's `reference`. The ratios are published to
CloudWatch; the report is for people. See docs/adr/0013.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np

from contracts.lake.runs import NAMESPACE
from contracts.models import drift_metrics as metric
from contracts.models.forecast_input import CategoryIndex
from evaluation_container.drift.reference import OVERALL, Reference, weighted_loss
from evaluation_container.nightly import published
from evaluation_container.nightly.forecasts import read_categories
from evaluation_container.nightly.published import Losses
from evaluation_container.nightly.recent_histories import RecentHistories
from evaluation_container.pages.drift_page import page
from evaluation_container.scoring.drift_statistics import (
    TENTHS,
    WEEK,
    Hours,
    distance,
    missing,
    shares,
)
from evaluation_container.scoring.metrics import Floats, known

DAYS = 7
LEAST_DAYS = 5
"""Number of the last `DAYS` that need evaluated forecasts; one or two nights may be missing."""

_METRICS_AT_ONCE = 1_000  # limit of PutMetricData


@dataclass(frozen=True)
class Finding:
    """One measurement.

    Parameters
    ----------
    check
        One of `contracts.models.drift_metrics.METRICS`.
    subject
        A pollutant, or `OVERALL`.
    value, limit
        Measurement and limit; None without data, or while no limit is known.
    """

    check: str
    subject: str
    value: float | None
    limit: float | None

    @property
    def ratio(self) -> float | None:
        if self.value is None or self.limit is None:
            return None
        return self.value / self.limit

    @property
    def verdict(self) -> str:
        if self.ratio is None:
            return "not known yet"
        return "beyond" if self.ratio >= 1 else "usual"

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as the report contains it."""
        return {**vars(self), "ratio": self.ratio, "verdict": self.verdict}


def drift(arguments: Sequence[str]) -> str:
    """Measure drift, publish the metrics, and write ``drift.json`` and ``drift.html``."""
    options = _options(arguments)
    histories = RecentHistories(options.recent)
    index = read_categories(options.categories)
    reference = Reference.read(options.reference)
    end = histories.origin
    truth = histories.last((DAYS + 2) * 24)
    rows = published.read(boto3.client("s3"), options.lake, end - timedelta(days=DAYS + 1), end)
    losses = published.losses(rows, truth, end, options.version)
    findings = [
        *of_input(truth, reference),
        *of_losses(losses, reference),
        of_categories(truth, index),
    ]
    put_metrics(boto3.client("cloudwatch"), options.environment, findings)
    _report(options.report, end, options.version, findings, tenths(truth, reference))
    return json.dumps(
        {
            "origin": end.isoformat(),
            **{f.check: _rounded(f.ratio) for f in findings if f.subject == OVERALL},
            "beyond": [f"{f.check} {f.subject}" for f in findings if f.verdict == "beyond"][:10],
        },
        allow_nan=False,
    )


def of_input(truth: Hours, reference: Reference) -> list[Finding]:
    """Return the last week's distances and missing shares by pollutant, and the largest of each."""
    found = []
    for check, measure, limits in (
        (metric.INPUT, distance, reference.distance),
        (metric.MISSING, missing, reference.missing),
    ):
        each = [
            Finding(check, pollutant, known(measure(rows[:, -WEEK:], usual)), limits.get(pollutant))
            for pollutant, (rows, usual) in _with_deciles(truth, reference).items()
        ]
        ratios = [one.ratio for one in each if one.ratio is not None]
        found += [*each, Finding(check, OVERALL, max(ratios, default=None), 1.0)]
    return found


def of_categories(truth: Hours, index: CategoryIndex) -> Finding:
    """Count the devices and pollutants of the last week that the model was not trained on."""
    devices, pollutants = set[str](), set[str]()
    for pollutant, (names, rows) in truth.items():
        measured = np.flatnonzero(np.isfinite(rows[:, -WEEK:]).any(axis=1))
        devices |= {names[place] for place in measured}
        pollutants |= {pollutant} if len(measured) else set()
    unknown = len(devices - set(index.devices)) + len(pollutants - set(index.pollutants))
    return Finding(metric.UNKNOWN, OVERALL, float(unknown), 1.0)


def of_losses(losses: Losses, reference: Reference) -> list[Finding]:
    """Return the rolling weighted quantile loss by pollutant, and the mean of all."""
    enough = len(losses.origins) >= LEAST_DAYS
    values = weighted_loss(losses.losses, losses.totals) if enough else {}
    limits: dict[str, float | None] = {OVERALL: None, **reference.loss}
    return [
        Finding(metric.LOSS, subject, known(values.get(subject, np.nan)), limit)
        for subject, limit in limits.items()
    ]


def tenths(truth: Hours, reference: Reference) -> dict[str, Floats]:
    """Return by pollutant the shares of the last week's values between each device's deciles."""
    return {
        pollutant: np.diff(shares(rows[:, -WEEK:], usual), prepend=0.0, append=1.0)
        for pollutant, (rows, usual) in _with_deciles(truth, reference).items()
    }


def put_metrics(cloudwatch: Any, environment: str, findings: Sequence[Finding]) -> None:
    """Publish a metric for every known ratio."""
    data = [
        {
            "MetricName": finding.check,
            "Dimensions": [
                {"Name": "environment", "Value": environment},
                *(
                    [{"Name": "pollutant", "Value": finding.subject}]
                    if finding.subject != OVERALL
                    else []
                ),
            ],
            "Value": finding.ratio,
        }
        for finding in findings
        if finding.ratio is not None
    ]
    for first in range(0, len(data), _METRICS_AT_ONCE):
        cloudwatch.put_metric_data(
            Namespace=NAMESPACE, MetricData=data[first : first + _METRICS_AT_ONCE]
        )


def _with_deciles(truth: Hours, reference: Reference) -> dict[str, tuple[Floats, Floats]]:
    """Return the hours of each pollutant with a reference, and the deciles of its devices."""
    nothing = [np.nan] * len(TENTHS)
    return {
        pollutant: (
            rows,
            np.array([reference.deciles[pollutant].get(name, nothing) for name in devices]),
        )
        for pollutant, (devices, rows) in truth.items()
        if pollutant in reference.deciles
    }


def _report(
    folder: Path,
    origin: datetime,
    version: int,
    findings: Sequence[Finding],
    parts: Mapping[str, Floats],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "origin": origin.isoformat(),
        "version": version,
        "findings": [finding.to_dict() for finding in findings],
    }
    (folder / "drift.json").write_text(
        json.dumps(document, indent=1, allow_nan=False), encoding="utf-8"
    )
    (folder / "drift.html").write_text(page(document, parts), encoding="utf-8")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="drift")
    parser.add_argument("--environment", required=True, help="dimension of the metrics")
    parser.add_argument("--version", type=int, required=True, help="model package version")
    parser.add_argument("--lake", required=True, help="S3 URI of the table of forecasts")
    parser.add_argument("--recent", type=Path, required=True, help="folder of device histories")
    parser.add_argument(
        "--categories", type=Path, required=True, help="folder of the model's index"
    )
    parser.add_argument("--reference", type=Path, required=True, help="folder of its reference")
    parser.add_argument("--report", type=Path, required=True, help="folder for the report")
    return parser.parse_args(arguments)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
