"""A backtest forecasts each day from what was known before it, and writes what it forecast."""

# ruff: noqa: DTZ001  (the files are in local time without a zone)
from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from forecasting import backtest, station_files
from forecasting.__main__ import main
from forecasting.backtest import OVERALL, Plan
from forecasting.errors import ForecastingError
from forecasting.forecasters import BAND_LEVELS, BASELINES, PUBLISHED, forecaster
from forecasting.history import COLUMNS, TARGETS, History

BEIJING = Path(os.environ.get("LAKECAST_DATA", "../shared/data")) / "beijing"
START = datetime(2024, 1, 1)
PLAN = Plan(datetime(2024, 1, 31), datetime(2024, 2, 3))


def made_up(stations=("Hill", "Quay"), days=34):
    values = np.random.default_rng(1).gamma(2, 10, (len(stations), len(COLUMNS), days * 24))
    return History(START, tuple(stations), values)


class Watching:
    """Notes what it is shown, and forecasts the last value."""

    def __init__(self):
        self.fitted, self.origins = None, []

    def fit(self, history, report):
        self.fitted = history.end

    def predict(self, history):
        self.origins.append(history.end)
        last = history.targets()[:, :, -1]
        return np.broadcast_to(last[..., None, None], (*last.shape, 24, len(BAND_LEVELS)))


def write_station(folder, name="Hill", hours=48, **columns):
    time = pd.date_range("2024-01-01", periods=hours, freq="h")
    frame = pd.DataFrame({part: getattr(time, part) for part in ("year", "month", "day", "hour")})
    for column in (*TARGETS, "PM10", "TEMP", "PRES", "DEWP", "RAIN", "WSPM"):
        frame[column] = np.arange(hours, dtype=float)
    frame["wd"] = "E"
    for column, value in columns.items():
        frame[column] = value
    frame.to_csv(folder / f"PRSA_Data_{name}_20240101-20240102.csv", index=False)
    return frame


def test_origins_are_every_so_many_days_up_to_but_not_including_the_end():
    plan = Plan(datetime(2024, 1, 1), datetime(2024, 1, 8), 3)
    assert [origin.day for origin in plan.origins()] == [1, 4, 7]
    assert Plan(datetime(2024, 1, 1), datetime(2024, 1, 7), 3).origins()[-1].day == 4


def test_a_model_is_trained_before_the_first_origin_and_sees_only_what_precedes_each():
    model = Watching()
    backtest.forecasts(model, made_up(), PLAN)
    assert model.fitted == PLAN.train_end
    assert model.origins == PLAN.origins()


def test_lead_one_is_the_hour_of_the_origin():
    history = made_up()
    came = backtest.actuals(history, PLAN)
    first = history.position(PLAN.train_end)
    np.testing.assert_array_equal(came[1, 2, 0], history.of("NO2")[1, first : first + 24])
    np.testing.assert_array_equal(came[:, :, 1, 0], history.targets()[:, :, first + 24])


def test_hours_after_the_data_did_not_come():
    assert np.isnan(backtest.actuals(made_up(days=32), PLAN)[:, :, 2]).all()


def test_the_file_has_a_row_for_every_station_pollutant_origin_and_lead(tmp_path):
    history = made_up()
    forecast = backtest.forecasts(forecaster("persistence", 1), history, PLAN)
    path = tmp_path / "new" / "forecasts.parquet"
    backtest.write(path, backtest.table(history, PLAN, forecast))
    rows = pd.read_parquet(path)
    quantiles = [f"q0.{level}" for level in range(1, 10)]
    assert list(rows.columns) == ["station", "pollutant", "origin", "lead", *quantiles]
    assert len(rows) == 2 * 5 * 3 * 24
    keyed = rows.set_index(["station", "pollutant", "origin", "lead"])
    assert keyed.index.is_unique
    np.testing.assert_array_equal(
        keyed.loc[("Quay", "CO", pd.Timestamp("2024-02-01"), 7)], forecast[1, 3, 1, 6, PUBLISHED]
    )


def test_overall_is_the_plain_mean_of_the_pollutants():
    history = made_up()
    forecast = backtest.forecasts(Watching(), history, PLAN)
    found = backtest.scores(history, PLAN, forecast)
    losses = [found[pollutant].errors.weighted_quantile_loss for pollutant in TARGETS]
    assert found[OVERALL].errors.weighted_quantile_loss == pytest.approx(np.mean(losses))


def test_a_band_covers_what_lies_between_its_quantiles():
    history = made_up()
    came = backtest.actuals(history, PLAN)
    around = came[..., None] + np.where(BAND_LEVELS < 0.1, -1.0, np.where(BAND_LEVELS > 0.9, 1, 5))
    around[..., BAND_LEVELS < 0.1] = came[..., None] - 1
    found = backtest.scores(history, PLAN, around)[OVERALL]
    assert found.coverage == {50: 0.0, 80: 0.0, 95: 1.0}


def test_a_pollutant_that_never_came_is_left_out():
    history = made_up()
    history.values[:, TARGETS.index("SO2"), -4 * 24 :] = np.nan
    forecast = backtest.forecasts(forecaster("persistence", 1), history, PLAN)
    assert "SO2" not in backtest.scores(history, PLAN, forecast)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_answer_gaps_and_series_without_any_value(name):
    history = made_up()
    history.values[0, 0] = np.nan
    history.values[:, 1] = np.nan
    history.values[0, 2, -200:] = np.nan
    found = backtest.forecasts(forecaster(name, 1), history, PLAN)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (np.diff(found, axis=-1) >= 0).all()


@pytest.mark.parametrize(("name", "season"), [("naive-24", 24), ("naive-168", 168)])
def test_a_seasonal_forecast_is_centred_on_the_last_season(name, season):
    values = np.tile(np.arange(float(season)), 28 * 24 // season)
    history = History(START, ("Hill",), np.tile(values, (1, len(COLUMNS), 1)))
    model = forecaster(name, 1)
    model.fit(history, lambda _: None)
    median = model.predict(history)[0, 0, :, PUBLISHED[4]]
    np.testing.assert_array_equal(median, np.arange(24.0))


def test_a_station_is_read_with_its_wind_as_components_and_its_gaps_missing(tmp_path):
    frame = write_station(tmp_path, WSPM=2.0)
    path = next(tmp_path.iterdir())
    frame.drop(index=5).to_csv(path, index=False)
    history = station_files.read(tmp_path)
    assert (history.stations, history.start, history.values.shape[2]) == (("Hill",), START, 48)
    assert np.isnan(history.of("O3")[0, 5])
    assert history.of("WIND_U")[0, 0] == pytest.approx(2.0)
    assert history.of("WIND_V")[0, 0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("columns", "words"),
    [({"O3": "high"}, "not in the format"), ({"hour": 0}, "twice")],
)
def test_a_file_of_another_format_is_named(tmp_path, columns, words):
    write_station(tmp_path, **columns)
    with pytest.raises(ForecastingError, match=words):
        station_files.read(tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data", "nowhere"], "there is none at nowhere"),
        (["--data", ".", "--model", "oracle"], "MODEL must be one of"),
        (["--data", ".", "--origin-step", "0"], "ORIGIN_STEP"),
        (["--data", ".", "--test-end", "2016-01-01"], "TEST_END must lie after TRAIN_END"),
    ],
)
def test_a_wrong_option_ends_with_one_line_and_1(options, words, capsys, tmp_path):
    assert main(["backtest", "--out", str(tmp_path / "x.parquet"), *options]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.real_data
@pytest.mark.skipif(not BEIJING.is_dir(), reason=f"no Beijing data at {BEIJING}")
def test_persistence_on_real_stations_has_the_loss_that_was_published():
    history = station_files.read(BEIJING)
    plan = Plan(datetime(2016, 9, 1), datetime(2017, 2, 28))
    forecast = backtest.forecasts(forecaster("persistence", 1), history, plan)
    found = backtest.scores(history, plan, forecast)[OVERALL]
    assert found.errors.weighted_quantile_loss == pytest.approx(0.453, abs=5e-4)
    assert found.errors.normalized_deviation == pytest.approx(0.544, abs=5e-4)
    assert found.errors.mean_absolute_scaled_error == pytest.approx(0.911, abs=5e-4)
    assert found.coverage[80] == pytest.approx(0.794, abs=5e-4)
