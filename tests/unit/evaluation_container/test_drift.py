"""The drift monitor: findings in a lake, CloudWatch metrics and the HTML page."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from evaluation_container.drift.monitor import (
    Finding,
    of_categories,
    of_input,
    of_losses,
    put_metrics,
    tenths,
)
from evaluation_container.drift.reference import OVERALL, Reference, with_losses
from evaluation_container.drift.reference import of_input as reference_of
from evaluation_container.nightly import forecasts as batch
from evaluation_container.nightly import published
from evaluation_container.nightly.published import Losses
from evaluation_container.pages.drift_page import page
from evaluation_container.scoring.drift_statistics import DAY, WEEK

from contracts.models import drift_metrics as metric
from contracts.models.forecast_input import HORIZON, QUANTILES, CategoryIndex

END = datetime(2026, 6, 9, tzinfo=UTC)
TRUTH = {"ozone": (("a", "b"), np.arange(1.0, 2 * 9 * DAY + 1).reshape(2, -1))}


def forecasts(origin: datetime, too_high: float, version: int = 2) -> pa.Table:
    """Build forecasts that are too high by a constant."""
    ago = int((END - origin) / timedelta(hours=1))
    devices, rows = TRUTH["ozone"]
    answers = []
    for row in rows:
        actual = row[len(row) - ago :][:HORIZON]
        values = np.concatenate([actual, np.zeros(HORIZON - len(actual))]) + too_high
        answers.append({"mean": values, "quantiles": dict.fromkeys(QUANTILES, values)})
    plan = batch.Plan(origin, tuple((device, "ozone") for device in devices))
    return batch.table_of(plan, answers, run="r", version=version)


def test_losses_are_computed_for_the_observed_hours() -> None:
    origin = END - timedelta(days=2)
    found = published.losses([forecasts(origin, 3.0)], TRUTH, END, version=2)
    assert found.origins == (origin,)
    actual = TRUTH["ozone"][1][:, -48:-24]
    assert found.totals["ozone"] == pytest.approx([actual.sum()])
    # each of 48 values 3 too high: twice the mean of 3 (1 - q) over the nine quantiles is 3
    assert found.losses["ozone"] == pytest.approx([48 * 3.0])


def test_hours_without_a_measurement_are_ignored() -> None:
    truth = {"ozone": (TRUTH["ozone"][0], TRUTH["ozone"][1].copy())}
    truth["ozone"][1][0, -48:-24] = np.nan
    found = published.losses([forecasts(END - timedelta(days=2), 3.0)], truth, END, version=2)
    assert found.losses["ozone"] == pytest.approx([24 * 3.0])


def test_forecasts_of_future_hours_or_of_another_version_are_ignored() -> None:
    tables = [
        forecasts(END - timedelta(hours=23), 3.0),
        forecasts(END - timedelta(days=3), 3.0, version=1),
    ]
    assert published.losses(tables, TRUTH, END, version=2).origins == ()


def test_the_last_origin_of_a_day_counts() -> None:
    day = END - timedelta(days=3)
    tables = [forecasts(day, 9.0), forecasts(day + timedelta(hours=5), 3.0)]
    found = published.losses(tables, TRUTH, END, version=2)
    assert found.origins == (day + timedelta(hours=5),)
    assert found.losses["ozone"] == pytest.approx([48 * 3.0])


class Bucket:
    """A stub of S3 with objects by key."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self._objects = objects

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        assert Bucket == "curated"
        return [{"Contents": [{"Key": key} for key in self._objects if key.startswith(Prefix)]}]

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self._objects[Key])}


def test_only_the_requested_days_are_read() -> None:
    def parquet(day: int) -> bytes:
        content = io.BytesIO()
        pq.write_table(pa.table({"day": [day]}), content)
        return content.getvalue()

    keys = {f"forecasts/date=2026-06-{day:02d}/x.parquet": parquet(day) for day in range(1, 10)}
    first, last = datetime(2026, 6, 2, 5, tzinfo=UTC), datetime(2026, 6, 4, tzinfo=UTC)
    read = published.read(Bucket(keys), "s3://curated/forecasts/", first, last)
    assert [table["day"][0].as_py() for table in read] == [2, 3, 4]


def usual_reference() -> Reference:
    rows = np.random.default_rng(1).lognormal(sigma=0.5, size=(2, 60 * DAY))
    found = reference_of({"ozone": (("a", "b"), rows), "sulfur_dioxide": (("a",), 7 * rows[:1])})
    ones = {"ozone": np.ones(7), "sulfur_dioxide": np.ones(7)}
    return with_losses(found, {"ozone": 0.3 * np.ones(7), "sulfur_dioxide": 0.1 * np.ones(7)}, ones)


def a_week(times: float) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    rows = np.random.default_rng(2).lognormal(sigma=0.5, size=(2, WEEK))
    return {
        "ozone": (("a", "new"), times * rows),
        "sulfur_dioxide": (("a", "new"), 7 * rows),
        "carbon_monoxide": (("a", "new"), rows),  # the model does not know it
    }


def by_check(findings: list[Finding]) -> dict[tuple[str, str], Finding]:
    return {(finding.check, finding.subject): finding for finding in findings}


def test_the_overall_ratio_is_the_largest_of_the_pollutants() -> None:
    found = by_check(of_input(a_week(3.0), usual_reference()))
    assert found[metric.INPUT, "ozone"].verdict == "beyond"
    assert found[metric.INPUT, "sulfur_dioxide"].verdict == "usual"
    assert found[metric.INPUT, OVERALL].ratio == found[metric.INPUT, "ozone"].ratio
    assert (metric.INPUT, "carbon_monoxide") not in found


def test_an_ordinary_week_exceeds_no_limit() -> None:
    found = by_check(of_input(a_week(1.0), usual_reference()))
    assert {one.verdict for one in found.values()} == {"usual"}


def test_a_lake_without_values_exceeds_only_the_limit_of_missing_hours() -> None:
    week = {name: (devices, rows * np.nan) for name, (devices, rows) in a_week(1.0).items()}
    found = by_check(of_input(week, usual_reference()))
    assert found[metric.MISSING, OVERALL].verdict == "beyond"
    assert found[metric.INPUT, OVERALL].verdict == "not known yet"


@pytest.mark.parametrize(
    ("devices", "pollutants", "unknown"),
    [
        (("a", "new"), ("ozone", "sulfur_dioxide", "carbon_monoxide"), 0),
        (("a",), ("ozone", "sulfur_dioxide", "carbon_monoxide"), 1),
        (("a",), ("ozone", "sulfur_dioxide"), 2),
    ],
)
def test_devices_and_pollutants_unknown_to_the_model_are_counted(
    devices: tuple[str, ...], pollutants: tuple[str, ...], unknown: int
) -> None:
    found = of_categories(a_week(1.0), CategoryIndex(devices, pollutants))
    assert (found.value, found.verdict) == (unknown, "beyond" if unknown else "usual")


def test_a_silent_device_is_not_counted_as_unknown() -> None:
    silent = {name: (names, rows * np.nan) for name, (names, rows) in a_week(1.0).items()}
    assert of_categories(silent, CategoryIndex((), ())).value == 0


def losses(days: int, ozone: float, sulfur_dioxide: float) -> Losses:
    origins = tuple(END - timedelta(days=day) for day in range(days))
    values = {"ozone": ozone * np.ones(days), "sulfur_dioxide": sulfur_dioxide * np.ones(days)}
    return Losses(origins, values, {name: np.ones(days) for name in values})


def test_the_overall_loss_is_the_mean_of_the_pollutants() -> None:
    found = by_check(of_losses(losses(7, 0.5, 0.05), usual_reference()))
    assert found[metric.LOSS, "ozone"].verdict == "beyond"
    assert found[metric.LOSS, OVERALL].value == pytest.approx(0.275)
    assert found[metric.LOSS, OVERALL].ratio == pytest.approx(0.275 / 0.2)


def test_too_few_nights_give_no_loss() -> None:
    found = of_losses(losses(4, 9.0, 9.0), usual_reference())
    assert {one.verdict for one in found} == {"not known yet"}


def test_a_model_that_was_not_judged_has_no_loss_limit() -> None:
    (found,) = of_losses(losses(7, 0.5, 0.5), Reference({}, {}, {}))
    assert (found.subject, found.verdict) == (OVERALL, "not known yet")


def test_known_ratios_are_published_to_cloudwatch() -> None:
    published_metrics: list[dict[str, Any]] = []

    class CloudWatch:
        def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:
            assert Namespace == "Lakecast"
            published_metrics.extend(MetricData)

    put_metrics(
        CloudWatch(),
        "prod",
        [
            Finding(metric.INPUT, "ozone", 0.3, 0.5),
            Finding(metric.INPUT, OVERALL, 0.6, 1.0),
            Finding(metric.LOSS, OVERALL, None, 0.4),
        ],
    )
    environment = {"Name": "environment", "Value": "prod"}
    assert [(one["Value"], one["Dimensions"]) for one in published_metrics] == [
        (0.6, [environment, {"Name": "pollutant", "Value": "ozone"}]),
        (0.6, [environment]),
    ]


def test_the_page_shows_every_finding_and_the_distribution_of_values() -> None:
    week, usual = a_week(3.0), usual_reference()
    findings = of_input(week, usual)
    document = {
        "origin": END.isoformat(),
        "version": 2,
        "findings": json.loads(json.dumps([finding.to_dict() for finding in findings])),
    }
    text = page(document, tenths(week, usual))
    assert text.count("<tr>") == len(findings) + 1
    assert text.count("<svg") == 2
    assert '<td class="bad">beyond</td>' in text
    assert "Drift up to 2026-06-09 00:00 UTC" in text
