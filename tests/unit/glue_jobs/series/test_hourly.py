"""Tests series and channels: regular hours, unfilled gaps, exclusion of the held-out day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import pytest
from forecast_format.related import with_related
from forecast_format.series import Series
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from contracts.messages.telemetry import POLLUTANTS
from contracts.models.forecast_input import AREA, RECENT_HOURS, RecentHistory
from glue_jobs.series.channels import category_index, channels, trained_series
from glue_jobs.series.hourly import (
    histories,
    hourly_means,
    means_of,
    on_regular_grid,
    one_row_per_value,
)
from glue_jobs.series.recent import area_of, recent_history, write_recent
from tests.support.glue.spark import spark

START = datetime(2026, 6, 1, 22, tzinfo=UTC)
LAST = START + timedelta(hours=3)
CUT = START + timedelta(hours=2)

# device, minutes after START, ozone, carbon monoxide
READINGS = [
    ("a", 5, 1.0, None),
    ("a", 55, 3.0, None),
    ("a", 60, None, None),
    ("a", 185, 8.0, 7.0),
    ("b", 61, 4.0, None),
    ("late", 130, 5.0, None),
    ("late", 300, None, None),
    ("mute", 10, None, None),
]


@pytest.fixture(scope="module")
def wide() -> DataFrame:
    rows = [
        (device, START + timedelta(minutes=minutes), ozone, None, carbon, None, None)
        for device, minutes, ozone, carbon in READINGS
    ]
    columns = ", ".join(f"{name} double" for name in POLLUTANTS)
    readings = spark().createDataFrame(rows, f"device_id string, timestamp timestamp, {columns}")
    return on_regular_grid(hourly_means(readings), LAST).cache()


@pytest.fixture(scope="module")
def by_device(wide: DataFrame) -> DataFrame:
    return histories(wide).orderBy("device_id").cache()


def test_the_grid_has_every_hour_from_a_devices_first_to_the_last_of_all(wide: DataFrame) -> None:
    rows = one_row_per_value(wide).where("pollutant = 'ozone'").orderBy("device_id", "hour")
    found = rows.select("device_id", F.unix_timestamp("hour").alias("at"), "value", "date")
    assert [tuple(row) for row in found.collect()] == [
        (device, int(START.timestamp()) + 3600 * hour, value, date)
        for device, hour, value, date in [
            ("a", 0, 2.0, "2026-06-01"),
            ("a", 1, None, "2026-06-01"),
            ("a", 2, None, "2026-06-02"),
            ("a", 3, 8.0, "2026-06-02"),
            ("b", 1, 4.0, "2026-06-01"),
            ("b", 2, None, "2026-06-02"),
            ("b", 3, None, "2026-06-02"),
            ("late", 2, 5.0, "2026-06-02"),
            ("late", 3, None, "2026-06-02"),
        ]
    ]


def test_means_are_restored_from_their_series(wide: DataFrame) -> None:
    measured = wide.where(F.coalesce(*POLLUTANTS).isNotNull())
    back = means_of(one_row_per_value(wide))
    assert back.columns == measured.columns
    assert set(back.collect()) == set(measured.collect())


def test_only_series_with_a_value_before_the_cut_are_trained(by_device: DataFrame) -> None:
    trained = trained_series(by_device, CUT)
    assert trained == {("a", "ozone"), ("b", "ozone")}
    assert category_index(trained).devices == ("a", "b")
    assert category_index(trained).pollutants == ("ozone",)


def test_categories_of_an_earlier_run_keep_their_positions():
    earlier = category_index({("b", "ozone"), ("d", "ozone")})
    now = category_index({("a", "ozone"), ("d", "carbon_monoxide")}, earlier)
    assert now.devices == ("b", "d", "a")
    assert now.pollutants == ("ozone", "carbon_monoxide")


def test_train_ends_at_the_cut_and_test_is_the_whole_series(by_device: DataFrame) -> None:
    categories = category_index({("a", "ozone"), ("b", "carbon_monoxide"), ("b", "ozone")})
    train, test = channels(by_device, CUT, categories)
    assert [tuple(row) for row in train.collect()] == [
        ("2026-06-01 22:00:00", [2.0, None], [0, 0]),
        ("2026-06-01 23:00:00", [4.0], [1, 0]),
    ]
    assert [tuple(row) for row in test.collect()] == [
        ("2026-06-01 22:00:00", [2.0, None, None, 8.0], [0, 0]),
        ("2026-06-01 23:00:00", [4.0, None, None], [1, 0]),
    ]


def recent(folder: Path, wide: DataFrame, by_device: DataFrame) -> dict[str, RecentHistory]:
    categories = category_index(trained_series(by_device, CUT))
    write_recent(by_device, area_of(wide), f"file://{folder}/", categories)
    return {path.stem: RecentHistory.from_json(path.read_text()) for path in folder.glob("*.json")}


def test_each_device_gets_its_history_with_gaps(
    tmp_path: Path, wide: DataFrame, by_device: DataFrame
) -> None:
    found = recent(tmp_path, wide, by_device)
    assert set(found) == {"a", "b", "late"}
    assert {path.suffix for path in tmp_path.iterdir()} == {".json"}, "no drafts are left"
    assert found["a"].start == "2026-06-01 22:00:00"
    assert found["a"].target["ozone"] == [2.0, None, None, 8.0]
    assert found["a"].target["carbon_monoxide"] == [None, None, None, 7.0]
    assert found["a"].cat == {"ozone": [0, 0]}
    assert found["late"].cat == {}, "the model has never seen it"
    assert found["late"].target["ozone"] == [5.0, None]
    assert found["a"].area["ozone"] == [2.0, 4.0, 5.0, 8.0]
    assert found["late"].area["ozone"] == [5.0, 8.0], "the same hours as its targets"
    assert found["a"].area["sulfur_dioxide"] == [None] * 4


def test_the_area_equals_the_one_that_a_container_computes_from_the_channel(
    wide: DataFrame,
) -> None:
    """With nine devices, so that hours with only one of them are missing."""
    random = Random(1)
    hours = [START + hour * timedelta(hours=1) for hour in range(6)]
    rows = [
        (
            str(device),
            hour,
            *(random.random() if random.random() < 0.3 else None for _ in POLLUTANTS),
        )
        for device in range(9)
        for hour in hours
    ]
    many = spark().createDataFrame(rows, wide.schema)
    by_device = histories(many)
    categories = category_index((str(d), p) for d in range(9) for p in POLLUTANTS)
    _, whole = channels(by_device, hours[-1] + timedelta(hours=1), categories)
    series = with_related(
        [Series.parse(row.asDict(), "h") for row in whole.collect()],
    )
    area = area_of(many)
    assert any(value is None for value in area["ozone"])
    for one in series:
        expected = np.float32([np.nan if v is None else v for v in area[POLLUTANTS[one.cat[1]]]])
        np.testing.assert_allclose(one.related[AREA], expected, atol=0.00051)


def test_only_changed_histories_are_written(
    tmp_path: Path, wide: DataFrame, by_device: DataFrame
) -> None:
    folder, area = f"file://{tmp_path}/", area_of(wide)
    categories = category_index({("a", "ozone")})
    assert write_recent(by_device, area, folder, categories) == 3
    assert write_recent(by_device, area, folder, categories) == 0
    (tmp_path / "b.json").write_text("half of")
    more = category_index({("a", "ozone"), ("late", "ozone")})
    assert write_recent(by_device, area, folder, more) == 2
    assert RecentHistory.from_json((tmp_path / "b.json").read_text()).device_id == "b"


def test_a_long_history_is_cut_to_its_last_hours() -> None:
    hours = RECENT_HOURS + 5
    values = {name: [float(hour) for hour in range(hours)] for name in POLLUTANTS}
    row = Row(device_id="a", start=int(START.timestamp()), **values)
    area = {name: [None] * RECENT_HOURS for name in POLLUTANTS}
    history = recent_history(row, area, category_index({("a", "ozone")}))
    assert history.start == "2026-06-02 03:00:00"
    assert len(history.area["ozone"]) == RECENT_HOURS
    assert history.target["ozone"] == [float(hour) for hour in range(5, hours)]
