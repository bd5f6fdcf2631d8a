"""The nightly batch transform: its instances for all devices, and the rows of its results."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from container_runtime.errors import DataError
from evaluation_container.nightly import forecasts

from contracts.lake.tables import FORECASTS
from contracts.messages.telemetry import POLLUTANTS, SMOKE_DEVICES
from contracts.models.forecast_input import HORIZON, QUANTILES, CategoryIndex, RecentHistory

START = datetime(2026, 6, 1, tzinfo=UTC)
INDEX = CategoryIndex.of(("a", "b"), ("ozone", "carbon_monoxide"))


def history(device: str, hours: int = 48, **values: list[float | None]) -> RecentHistory:
    empty: list[float | None] = [None] * hours
    return RecentHistory(
        device,
        "2026-06-01 00:00:00",
        {name: values.get(name, empty) for name in POLLUTANTS},
        {},
        {name: [7.0] * hours for name in POLLUTANTS},
    )


class Folders:
    def __init__(self, base: Path) -> None:
        self.base = base
        (base / "recent").mkdir()
        (base / "categories").mkdir()
        (base / "categories/categories.json").write_text(INDEX.to_json())

    def add(self, *histories: RecentHistory) -> None:
        for one in histories:
            (self.base / f"recent/{one.device_id}.json").write_text(one.to_json())

    def instances(self) -> tuple[dict[str, int], list[dict[str, object]], forecasts.Plan]:
        names = ("recent", "categories", "instances", "plan")
        options = [text for name in names for text in (f"--{name}", str(self.base / name))]
        summary = json.loads(forecasts.instances(options))
        lines = (self.base / "instances" / forecasts.INSTANCES).read_text().splitlines()
        plan = forecasts.Plan.read(self.base / "plan")
        return summary, [json.loads(line) for line in lines], plan

    def publish(self, answers: list[dict[str, object]]) -> list[dict[str, object]]:
        (self.base / "answers").mkdir(exist_ok=True)
        text = "".join(json.dumps(answer) + "\n" for answer in answers)
        (self.base / "answers" / f"{forecasts.INSTANCES}.out").write_text(text)
        names = ("plan", "answers", "forecasts")
        options = [text for name in names for text in (f"--{name}", str(self.base / name))]
        summary = json.loads(forecasts.publish([*options, "--run", "night-1", "--version", "3"]))
        rows: list[dict[str, object]] = pq.read_table(
            self.base / "forecasts" / summary["key"], partitioning=None
        ).to_pylist()
        assert summary["rows"] == len(rows)
        return rows


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def answer(value: float) -> dict[str, object]:
    return {"mean": [value] * HORIZON, "quantiles": {q: [value] * HORIZON for q in QUANTILES}}


def test_devices_of_smoke_tests_have_no_forecast(folders: Folders) -> None:
    row: list[float | None] = [5.0] * 48
    folders.add(history("a", ozone=row), history(f"{SMOKE_DEVICES}dev-1-a", ozone=row))

    summary, lines, _ = folders.instances()

    assert len(lines) == 1
    assert summary["unknown_devices"] == 0


def test_the_origin_is_the_hour_after_the_last_value_of_any_device(folders: Folders) -> None:
    folders.add(
        history("a", ozone=[*range(1, 31), *[None] * 18]),
        history("b", ozone=[*range(1, 41), *[None] * 8]),
    )
    summary, (of_a, of_b), plan = folders.instances()
    assert plan.origin == START + timedelta(hours=40)
    assert len(of_a["target"]) == len(of_b["target"]) == 40
    assert of_a["target"][29:] == [30.0, *["NaN"] * 10]
    assert summary == {
        "origin": "2026-06-02T16:00:00+00:00",
        "series": 2,
        "silent_series": 2,
        "unknown_devices": 0,
    }


def test_an_instance_has_its_related_series_up_to_the_origin(folders: Folders) -> None:
    folders.add(history("a", ozone=[1.0] * 48, carbon_monoxide=[None, *[500.0] * 47]))
    _, (ozone, carbon), plan = folders.instances()
    assert plan.series == (("a", "ozone"), ("a", "carbon_monoxide"))
    assert (ozone["cat"], carbon["cat"]) == ([0, 0], [0, 1])
    assert ozone["related"]["pollutant-1"] == ["NaN", *[500.0] * 47]
    assert carbon["related"] == {"area": [7.0] * 48, "pollutant-0": [1.0] * 48}


def test_a_device_unknown_to_the_model_is_counted_and_left_out(folders: Folders) -> None:
    folders.add(history("a", ozone=[1.0] * 48), history("new", ozone=[1.0] * 48))
    summary, lines, _ = folders.instances()
    assert (summary["unknown_devices"], len(lines)) == (1, 1)


def test_nothing_to_forecast_is_an_error_with_a_reason(folders: Folders) -> None:
    with pytest.raises(DataError, match="no value of any device"):
        folders.instances()
    folders.add(history("new", ozone=[1.0] * 48))
    with pytest.raises(DataError, match="1 devices are unknown to the model"):
        folders.instances()


def test_an_invalid_history_is_named(folders: Folders) -> None:
    (folders.base / "recent/a.json").write_text('{"device_id": "a"}')
    with pytest.raises(DataError, match=r"a\.json is not a valid device history"):
        folders.instances()


def test_results_are_written_as_rows_of_the_table(folders: Folders) -> None:
    folders.add(history("a", ozone=[1.0] * 48, carbon_monoxide=[500.0] * 48))
    folders.instances()
    rows = folders.publish([answer(1.5), answer(501.0)])
    assert len(rows) == 2 * HORIZON
    assert list(rows[0]) == [column.name for column in FORECASTS.columns]
    assert rows[0]["hour"] == rows[0]["origin"] == START + timedelta(hours=48)
    assert (rows[47]["lead"], rows[47]["hour"]) == (24, START + timedelta(hours=71))
    assert [row["q50"] for row in rows] == [1.5] * 24 + [501.0] * 24
    assert {(row["model_version"], row["run"]) for row in rows} == {(3, "night-1")}


def test_forecasting_an_origin_again_replaces_its_rows(folders: Folders) -> None:
    folders.add(history("a", ozone=[1.0] * 48))
    folders.instances()
    folders.publish([answer(1.5)])
    assert {row["mean"] for row in folders.publish([answer(2.5)])} == {2.5}
    assert len(list(folders.base.glob("forecasts/*/*"))) == 1


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([], "expected one result for each of 1 series; got 0"),
        ([{"mean": [1.0] * HORIZON}], "no forecast of ozone at a"),
        ([{**answer(1.0), "mean": [1.0]}], "no forecast of ozone at a"),
        (
            [{**answer(1.0), "mean": [None] * HORIZON}],
            "no forecast of 24 finite hours of ozone at a",
        ),
        ([answer(float("nan"))], r"\.out, line 1: not JSON: expected JSON, which has no NaN"),
    ],
)
def test_invalid_results_are_rejected(
    folders: Folders, answers: list[dict[str, object]], message: str
) -> None:
    folders.add(history("a", ozone=[1.0] * 48))
    folders.instances()
    with pytest.raises(DataError, match=message):
        folders.publish(answers)
