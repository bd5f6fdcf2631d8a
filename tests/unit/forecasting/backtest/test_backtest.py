"""A backtest forecasts each day from the history before it, and writes its forecasts."""

# ruff: noqa: DTZ001  (the files are in local time without a zone)
from __future__ import annotations

import importlib.util
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from evaluation_container.scoring.scores import OVERALL, scores
from forecasting.backtest import rolling_origin, station_files
from forecasting.backtest.forecasters.base import BAND_LEVELS
from forecasting.backtest.forecasters.by_name import forecaster
from forecasting.backtest.history import COLUMNS, TARGETS, WEATHER, History
from forecasting.backtest.instances import instances, training_instances
from forecasting.backtest.rolling_origin import Plan
from forecasting.errors import ForecastingError

from lakecast.__main__ import main
from tests.support.recorded import RECORDED

DATA = RECORDED
BEIJING = DATA / "beijing"
YARDSTICK = DATA.parent / "yardstick" / "yardstick.py"
START = datetime(2024, 1, 1)
MEDIAN = int(np.flatnonzero(BAND_LEVELS == 0.5)[0])
MIDNIGHT = (0,)
PLAN = Plan(datetime(2024, 1, 31), datetime(2024, 2, 3), origin_hours=MIDNIGHT)


def generated(stations=("Hill", "Quay"), days=34):
    values = np.random.default_rng(1).gamma(2, 10, (len(stations), len(COLUMNS), days * 24))
    return History(START, tuple(stations), values)


class Recorder:
    """A model that records its input and forecasts the last value."""

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
    for column in (*TARGETS, "PM10", "RAIN"):
        frame[column] = np.arange(hours, dtype=float)
    for column in ("TEMP", "DEWP", "WSPM"):
        frame[column] = np.arange(hours) % 48.0
    frame["PRES"] = 1000.0
    frame["wd"] = "E"
    for column, value in columns.items():
        frame[column] = value
    frame.to_csv(folder / f"PRSA_Data_{name}_20240101-20240102.csv", index=False)
    return frame


def test_origins_are_a_step_apart_and_before_the_end():
    plan = Plan(datetime(2024, 1, 1), datetime(2024, 1, 8), 3)
    assert [origin.day for origin in plan.origins()][::4] == [1, 4, 7]
    assert Plan(datetime(2024, 1, 1), datetime(2024, 1, 7), 3).origins()[-1].day == 4


def test_every_day_has_origins_at_several_hours():
    days = datetime(2024, 1, 1), datetime(2024, 1, 3)
    assert [origin.hour for origin in Plan(*days).origins()] == [0, 6, 12, 18] * 2
    assert [origin.hour for origin in Plan(*days, origin_hours=(5, 23)).origins()] == [5, 23] * 2


@pytest.mark.parametrize("hours", [(), (6, 0), (0, 0), (24,), (-1, 3)])
def test_hours_that_a_day_does_not_have_are_rejected(hours):
    with pytest.raises(ForecastingError, match="ORIGIN_HOURS must be different hours from 0 to 23"):
        Plan(datetime(2024, 1, 1), datetime(2024, 1, 3), origin_hours=hours)


def test_a_model_gets_only_the_history_before_the_first_origin_and_before_each():
    model = Recorder()
    rolling_origin.forecasts(model, generated(), PLAN)
    assert model.fitted == PLAN.train_end
    assert model.origins == PLAN.origins()


@pytest.mark.parametrize(
    ("quantiles", "message"),
    [
        (np.full(len(BAND_LEVELS), np.nan), "not finite"),
        (np.linspace(-1, 1, len(BAND_LEVELS)), "below zero"),
        (np.linspace(2, 1, len(BAND_LEVELS)), "cross"),
    ],
)
def test_invalid_forecasts_are_rejected(quantiles, message):
    class Broken(Recorder):
        def predict(self, history):
            return np.broadcast_to(quantiles, super().predict(history).shape)

    with pytest.raises(ForecastingError, match=message):
        rolling_origin.forecasts(Broken(), generated(), PLAN)


def test_lead_one_is_the_hour_of_the_origin():
    history = generated()
    actual = rolling_origin.truth(history, PLAN).actual.reshape(2, len(TARGETS), 3, 24)
    first = history.position(PLAN.train_end)
    np.testing.assert_array_equal(actual[1, 2, 0], history.of("NO2")[1, first : first + 24])
    np.testing.assert_array_equal(actual[:, :, 1, 0], history.targets()[:, :, first + 24])


def test_the_shown_history_ends_with_the_hour_before_the_origin():
    history = generated()
    before = rolling_origin.truth(history, PLAN).before.reshape(2, len(TARGETS), 3, -1)
    first = history.position(PLAN.train_end)
    np.testing.assert_array_equal(before[..., 0, -1], history.targets()[..., first - 1])


def test_hours_after_the_data_are_missing():
    assert np.isnan(rolling_origin.truth(generated(days=32), PLAN).actual[:, 2]).all()


def test_the_file_has_a_row_for_every_station_pollutant_origin_and_lead(tmp_path):
    history = generated()
    forecast = rolling_origin.forecasts(forecaster("persistence", 1), history, PLAN)
    truth = rolling_origin.truth(history, PLAN)
    path = rolling_origin.write(
        tmp_path / "new" / "f.parquet", rolling_origin.table(truth, forecast)
    )
    rows = pd.read_parquet(path)
    quantiles = [f"q0.{level}" for level in range(1, 10)]
    assert list(rows.columns) == ["station", "pollutant", "origin", "lead", *quantiles]
    assert len(rows) == 2 * 5 * 3 * 24
    keyed = rows.set_index(["station", "pollutant", "origin", "lead"])
    assert keyed.index.is_unique
    series = len(TARGETS) + TARGETS.index("CO")
    np.testing.assert_array_equal(
        keyed.loc[("Quay", "CO", pd.Timestamp("2024-02-01"), 7)],
        truth.published(forecast)[series, 1, 6],
    )


@pytest.mark.parametrize("name", ["persistence", "naive-24", "naive-168", "autoets"])
def test_baselines_forecast_series_with_gaps_and_without_any_value(name):
    history = generated()
    history.values[0, 0] = np.nan
    history.values[:, 1] = np.nan
    history.values[0, 2, -200:] = np.nan
    history.values[0, 3] = 7.0
    found = rolling_origin.forecasts(forecaster(name, 1), history, PLAN)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (np.diff(found, axis=-1) >= 0).all()


@pytest.mark.parametrize(("name", "season"), [("naive-24", 24), ("naive-168", 168)])
def test_a_seasonal_forecast_is_centred_on_the_last_season(name, season):
    values = np.tile(np.arange(float(season)), 28 * 24 // season)
    history = History(START, ("Hill",), np.tile(values, (1, len(COLUMNS), 1)))
    model = forecaster(name, 1)
    model.fit(history, lambda _: None)
    median = model.predict(history)[0, 0, :, MEDIAN]
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
    ("columns", "message"),
    [
        ({"O3": "high"}, "line 2, column O3: expected a number"),
        ({"month": 13}, "line 2, column year, month, day, hour: expected whole numbers"),
        ({"hour": 0}, "46 of 48 rows cannot be read"),
    ],
)
def test_a_file_of_another_format_is_an_error(tmp_path, columns, message):
    write_station(tmp_path, **columns)
    with pytest.raises(ForecastingError, match=message):
        station_files.read(tmp_path)


def test_impossible_values_are_missing_and_noted(tmp_path):
    odd = np.arange(48.0)
    number = "expected a number (texts for a missing value stand in `missing`)"
    odd[[3, 4, 5, 6]] = -200, np.inf, 1e30, 5001
    write_station(tmp_path, O3=odd, TEMP=odd)
    notes = []
    history = station_files.read(tmp_path, tell=notes.append)
    assert np.isnan(history.of("O3")[0, 3:7]).all()
    assert np.isnan(history.of("TEMP")[0, 3:7]).all()
    assert np.nanmax(history.values) == 1000
    path = next(tmp_path.iterdir())
    assert notes == [
        f"left out: {path}, line 5, column O3: expected ozone from -10 to 5,000; got '-200.0' "
        "(3 such)",
        f"left out: {path}, line 5, column TEMP: expected temperature from -90 to 60; got '-200.0' "
        "(3 such)",
        f"left out: {path}, line 6, column O3: {number}; got 'inf'",
        f"left out: {path}, line 6, column TEMP: {number}; got 'inf'",
    ]


def test_a_file_that_cannot_be_used_is_left_out_and_noted(tmp_path):
    write_station(tmp_path)
    write_station(tmp_path, "Quay", O3="high")
    notes = []
    assert station_files.read(tmp_path, tell=notes.append).stations == ("Hill",)
    assert len(notes) == 1
    assert "the whole file" in notes[0]
    assert "line 2, column O3: expected a number" in notes[0]


def test_a_row_of_the_future_does_not_stretch_the_grid(tmp_path):
    frame = write_station(tmp_path)
    frame.loc[47, "year"] = 2099
    frame.to_csv(next(tmp_path.iterdir()), index=False)
    assert station_files.read(tmp_path).hours == 47


def test_several_files_of_a_station_are_read_together(tmp_path):
    frame = write_station(tmp_path)
    path = next(tmp_path.iterdir())
    frame[:24].to_csv(path, index=False)
    frame[24:].to_csv(tmp_path / "PRSA_Data_Hill_2.csv.gz", index=False)
    history = station_files.read(tmp_path)
    np.testing.assert_array_equal(history.of("O3")[0], np.arange(48.0))


def test_any_column_map_and_readings_within_an_hour_make_a_history(tmp_path):
    (tmp_path / "map.toml").write_text(
        "file_pattern = '(?P<station>.+)\\.csv'\ntime = 't'\ntime_zone = 'Europe/Berlin'\n"
        "[columns]\nozone = 'o3'\n[drivers]\nwind_speed = 'ws'\nwind_direction = 'wd'\n"
    )
    (tmp_path / "Hill.csv").write_text(
        "t,o3,ws,wd\n2024-07-01 00:00,1,2,90\n2024-07-01 00:30,4,2,\n2024-07-01 02:00,5,,\n"
    )
    (tmp_path / "Quay.csv").write_text("t,o3\n2024-07-01 01:00,7\n")
    history = station_files.read(tmp_path, columns=str(tmp_path / "map.toml"))
    assert (history.stations, history.start) == (("Hill", "Quay"), datetime(2024, 6, 30, 23))
    assert (history.pollutants, history.drivers) == (("O3",), ("WSPM", "WIND_U", "WIND_V"))
    assert history.clock == "local time"
    nan = np.nan
    np.testing.assert_array_equal(history.of("O3"), [[2.5, nan, 5], [nan, 7, nan]])
    assert history.of("WIND_U")[0, 0] == pytest.approx(2)


def test_built_in_maps_are_found_and_london_is_in_utc(tmp_path):
    rows = "".join(f"2024-01-01 {hour:02}:00,{hour},-999\n" for hour in range(24))
    (tmp_path / "my1.csv").write_text(f"date, NO2,pm2.5\n{rows}")
    notes = []
    history = station_files.read(tmp_path, tell=notes.append)
    assert (history.pollutants, history.drivers, history.clock) == (("NO2",), (), "UTC")
    assert notes == [f"{tmp_path / 'my1.csv'}: no column of ozone, carbon_monoxide, sulfur_dioxide"]


def test_a_missing_column_of_a_file_is_named(tmp_path):
    frame = write_station(tmp_path)
    frame.drop(columns="NO2").to_csv(next(tmp_path.iterdir()))
    with pytest.raises(ForecastingError, match=r"expected the column NO2; got none"):
        station_files.read(tmp_path)


def test_the_weather_is_known_a_day_ahead_and_without_gaps():
    history = generated()
    history.values[:, len(TARGETS) + 1 :, 100:110] = np.nan
    known = history.with_weather_known()
    origin = PLAN.train_end
    instance = instances(known.until(origin))[0]
    there = history.position(origin)
    assert instance.dynamic_feat.shape == (len(WEATHER), there + 24)
    np.testing.assert_allclose(
        instance.dynamic_feat[0, -24:], history.of("TEMP")[0, there : there + 24], rtol=1e-6
    )
    assert np.isfinite(instance.dynamic_feat).all()
    assert training_instances(known.until(origin))[0].dynamic_feat.shape[1] == there
    late = instances(known.since(origin))[0]  # at the end of the data, the last value is repeated
    np.testing.assert_array_equal(late.dynamic_feat[:, -25], late.dynamic_feat[:, -1])


def test_known_weather_needs_recorded_weather():
    with pytest.raises(ForecastingError, match="WEATHER=known needs recorded weather"):
        History(START, ("Hill",), np.ones((1, 5, 48)), drivers=()).with_weather_known()
    history = generated()
    history.values[:, COLUMNS.index("RAIN")] = np.nan
    with pytest.raises(ForecastingError, match="RAIN was recorded at too few stations"):
        history.with_weather_known()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data", "nowhere"], "there is none at nowhere"),
        (["--data", "."], "expected files named *.csv or *.csv.gz"),
        (["--data", ".", "--model", "oracle"], "MODEL must be of"),
        (["--data", ".", "--baselines", "persistence,oracle"], "BASELINES must be of"),
        (["--data", ".", "--model", "naive-24", "--weather", "known"], "WEATHER=known is of use"),
        (["--data", "nowhere", "--origin-step", "0"], "ORIGIN_STEP"),
        (["--data", "nowhere", "--origin-hours", "0,24"], "ORIGIN_HOURS"),
        (
            ["--data", "nowhere", "--train-end", "2016-02-01", "--test-end", "2016-01-01"],
            "TEST_END must lie after TRAIN_END",
        ),
        (["--data", ".", "--columns", "paris"], "column map paris: no such file"),
        (["--data", "{stations}"], "at least four days of data; there are 48 hours"),
        (
            ["--data", "{stations}", "--train-end", "2016-09-01", "--test-end", "2016-09-02"],
            "nothing was measured before TRAIN_END 2016-09-01; the data are",
        ),
        (
            ["--data", "{stations}", "--train-end", "2024-01-02", "--test-end", "2025-01-01"],
            "lies after the data",
        ),
    ],
)
def test_an_invalid_option_exits_with_1_and_one_line(options, words, capsys, tmp_path):
    write_station(tmp_path)
    given = [option.format(stations=tmp_path) for option in options]
    assert main(["models", "backtest", "--out", str(tmp_path / "x.parquet"), *given]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_model_that_cannot_be_trained_fails_the_backtest(capsys, tmp_path):
    write_station(tmp_path, hours=6 * 24)
    options = ["--train-end", "2024-01-05", "--test-end", "2024-01-06", "--jobs", "1"]
    options += ["--model", "own-lags", "--baselines", "naive-24", "--out", str(tmp_path / "x")]
    assert main(["models", "backtest", "--data", str(tmp_path), *options]) == 1
    assert "own-lags needs more than 696 hours" in capsys.readouterr().err


def test_an_unwritable_output_path_is_reported_before_any_work(capsys, tmp_path):
    (tmp_path / "file").touch()
    assert (
        main(["models", "backtest", "--data", ".", "--out", str(tmp_path / "file" / "x.parquet")])
        == 1
    )
    assert "OUT" in capsys.readouterr().err


def test_a_backtest_of_other_files_takes_their_last_days_and_reports_what_is_left_out(
    capsys, tmp_path
):
    hours = pd.date_range("2024-01-01", periods=8 * 24, freq="h")
    values = np.random.default_rng(1).gamma(2, 9, len(hours)).round(1)
    values[5] = -17
    rows = "".join(f"{hour},{value}\n" for hour, value in zip(hours, values, strict=True))
    (tmp_path / "my1.csv").write_text(f"date,no2\n{rows}")
    out = tmp_path / "out" / "x.parquet"
    options = ["--model", "persistence", "--baselines", "naive-24", "--jobs", "1"]
    assert main(["models", "backtest", "--data", str(tmp_path), "--out", str(out), *options]) == 0
    printed = capsys.readouterr().out
    assert (
        "1 stations, 4 origins 2024-01-07 to 2024-01-07 at 00:00, 06:00, 12:00, 18:00 UTC"
        in printed
    )
    note = "my1.csv, line 7, column no2: expected nitrogen_dioxide from -10 to 5,000; got"
    assert note in printed
    assert note in out.with_suffix(".html").read_text()


def test_a_backtest_writes_forecasts_by_seed_and_a_page(capsys, tmp_path):
    for name in ("Hill", "Quay"):
        write_station(tmp_path, name, hours=6 * 24, O3=np.random.default_rng(1).gamma(2, 9, 144))
    out = tmp_path / "out" / "forecasts.parquet"
    days = ["--train-end", "2024-01-05", "--test-end", "2024-01-07"]
    models = ["--model", "persistence", "--baselines", "naive-24,own-lags"]
    models += ["--seeds", "1,2", "--jobs", "1"]
    assert (
        main(["models", "backtest", "--data", str(tmp_path), "--out", str(out), *days, *models])
        == 0
    )
    printed = capsys.readouterr().out
    assert "persistence, seed 2: done" in printed
    assert "±0.0000" in printed
    assert "times the loss of naive-24" in printed
    assert "own-lags is left out: own-lags needs more than 696 hours" in printed
    first = pd.read_parquet(out)
    pd.testing.assert_frame_equal(first, pd.read_parquet(out.with_stem("forecasts-seed-2")))
    assert len(first) == 2 * 5 * 2 * 4 * 24
    assert "wQL by hour of origin" in printed
    page = out.with_suffix(".html").read_text()
    assert "2 stations, 8 origins 2024-01-05 to 2024-01-06 at 00:00, 06:00, 12:00, 18:00" in page
    assert "wQL by hours ahead" in printed
    assert "Error by hour of origin" in page
    assert "Error by hours ahead and pollutant" in page


def test_a_backtest_from_one_hour_of_the_day(capsys, tmp_path):
    write_station(tmp_path, hours=6 * 24, O3=np.random.default_rng(1).gamma(2, 9, 144))
    out = tmp_path / "forecasts.parquet"
    given = ["--train-end", "2024-01-05", "--test-end", "2024-01-06", "--origin-hours", "18"]
    given += ["--model", "persistence", "--baselines", "naive-24", "--jobs", "1"]
    assert main(["models", "backtest", "--data", str(tmp_path), "--out", str(out), *given]) == 0
    assert "1 origins 2024-01-05 to 2024-01-05 at 18:00" in capsys.readouterr().out
    assert pd.read_parquet(out)["origin"].unique() == [np.datetime64("2024-01-05T18:00")]


@pytest.mark.real_data
@pytest.mark.skipif(not BEIJING.is_dir(), reason=f"no Beijing data at {BEIJING}")
def test_persistence_on_real_stations_has_the_documented_loss():
    history = station_files.read(BEIJING)
    plan = Plan(datetime(2016, 9, 1), datetime(2017, 2, 28), origin_hours=MIDNIGHT)
    forecast = rolling_origin.forecasts(forecaster("persistence", 1), history, plan)
    found = scores(rolling_origin.truth(history, plan), forecast)[OVERALL]
    assert found.errors.weighted_quantile_loss == pytest.approx(0.453, abs=5e-4)
    assert found.errors.normalized_deviation == pytest.approx(0.544, abs=5e-4)
    assert found.errors.mean_absolute_scaled_error == pytest.approx(0.911, abs=5e-4)
    assert found.coverage[80] == pytest.approx(0.794, abs=5e-4)


@pytest.mark.real_data
@pytest.mark.skipif(not YARDSTICK.is_file(), reason=f"no yardstick at {YARDSTICK}")
def test_figures_of_a_forecast_file_equal_those_of_the_yardstick(tmp_path):
    history = station_files.read(BEIJING)
    plan = Plan(datetime(2016, 9, 1), datetime(2017, 2, 28), 30, MIDNIGHT)
    truth = rolling_origin.truth(history, plan)
    forecast = rolling_origin.forecasts(forecaster("naive-24", 1), history, plan)
    loader = importlib.util.spec_from_file_location("yardstick", YARDSTICK)
    yardstick = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(yardstick)
    path = rolling_origin.write(
        tmp_path / "forecasts.parquet", rolling_origin.table(truth, forecast)
    )
    rows = yardstick.read_forecasts(str(path))
    theirs = yardstick.metrics(
        yardstick.row_losses(rows, *yardstick.actuals(rows.index, str(BEIJING)))
    )
    for group, mine in scores(truth, forecast).items():
        errors = mine.errors
        figures = [
            errors.weighted_quantile_loss, errors.normalized_deviation,
            errors.mean_absolute_scaled_error, mine.coverage[80],
        ]  # fmt: skip
        assert figures == pytest.approx(theirs.loc[group].tolist(), rel=1e-9), group
