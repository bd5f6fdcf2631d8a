"""An evaluation compares forecasts and baselines on the same hours, with a split in time."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from forecasting.api import picture, tables, verification
from forecasting.api.client import Forecast, Refusal
from forecasting.errors import ForecastingError
from forecasting.lake.hourly_series import HOUR, SeriesKey, grid
from rich.console import Console

from contracts.models.forecast_input import QUANTILES

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 10
OZONE = SeriesKey("a", "ozone")
CARBON = SeriesKey("b", "carbon_monoxide")
LAST = START + timedelta(days=DAYS - 1)
TWO_DAYS = (LAST - timedelta(days=1), LAST)


def rows(key, values, start=START):
    return [
        {
            "device_id": key.device_id,
            "pollutant": key.pollutant,
            "hour": start + number * HOUR,
            "value": value,
        }
        for number, value in enumerate(values)
    ]


def table(*groups):
    schema = pa.schema(
        {
            "device_id": pa.string(),
            "pollutant": pa.string(),
            "hour": pa.timestamp("us", "UTC"),
            "value": pa.float64(),
        }
    )
    return pa.Table.from_pylist([row for group in groups for row in group], schema=schema)


@pytest.fixture
def lake():
    random = np.random.default_rng(1)
    ozone, carbon = random.gamma(5, 5, (2, DAYS * 24))
    return grid(table(rows(OZONE, ozone.tolist()), rows(CARBON, carbon.tolist())))


class Oracle:
    """An API with perfect forecasts, which records its requests."""

    def __init__(self, lake, refused=()):
        self._lake = lake
        self._refused = refused
        self.requests = []

    def forecasts(self, requests):
        self.requests += requests
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        key = SeriesKey(request.device_id, request.pollutant)
        if key in self._refused:
            return Refusal(404, "unknown device")
        actual = tuple(self._lake.between(key, request.origin, 24))
        hours = tuple(request.origin + number * HOUR for number in range(24))
        return Forecast(*request_key(request), hours, dict.fromkeys(QUANTILES, actual), actual, "v")


def request_key(request):
    return request.device_id, request.pollutant


def test_rows_in_any_order_become_one_grid():
    late = rows(CARBON, [9.0], START + 3 * HOUR)
    lake = grid(table(late, rows(OZONE, [1.0, None, 3.0])))
    assert (lake.start, lake.end) == (START, START + 4 * HOUR)
    np.testing.assert_array_equal(lake.values[OZONE], [1, np.nan, 3, np.nan])
    np.testing.assert_array_equal(lake.values[CARBON], [np.nan, np.nan, np.nan, 9])


def test_the_data_end_with_the_last_value_not_the_last_row():
    lake = grid(table(rows(OZONE, [1.0, 2.0, None, None])))
    assert lake.end == START + 2 * HOUR


def test_series_without_any_value_are_rejected():
    with pytest.raises(ForecastingError, match="have no value"):
        grid(table(rows(OZONE, [None, None])))


def test_history_ends_where_the_forecast_starts(lake):
    origin = START + 30 * HOUR
    before, after = lake.before(OZONE, origin), lake.between(OZONE, origin, 24)
    assert (len(before), len(after)) == (30, 24)
    np.testing.assert_array_equal(np.concatenate([before, after]), lake.values[OZONE][:54])
    assert np.isnan(lake.between(OZONE, lake.end - HOUR, 24)[1:]).all()


def test_only_the_last_day_is_evaluated_if_the_end_of_the_training_data_is_unknown(lake):
    assert verification.held_out(lake, None) == (LAST,)


@pytest.mark.parametrize(
    ("hours", "days"),
    [(24, 1), (3 * 24, 3), (3 * 24 + 2, 3), (3 * 24 - 2, 3), (1, 1), (0, 1), (9 * 24, 7)],
)
def test_at_most_seven_days_after_the_training_data_are_evaluated(lake, hours, days):
    """The readings may end in the middle of a day, or with an hour that has no value."""
    origins = verification.held_out(lake, lake.end - hours * HOUR)
    assert len(origins) == days
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(origins))
    assert min(lake.end - timedelta(days=max(1, hours / 24)), LAST) <= origins[0] < lake.end


def test_the_last_days_are_evaluated_on_request(lake):
    assert verification.last_days(lake, 2) == (LAST - timedelta(days=1), LAST)


def test_every_series_is_requested_at_each_origin(lake):
    api = Oracle(lake)
    verification.evaluate(lake, api, TWO_DAYS)
    requested = {(*request_key(one), one.origin) for one in api.requests}
    assert requested == {
        (*series, origin)
        for series in (("a", "ozone"), ("b", "carbon_monoxide"))
        for origin in TWO_DAYS
    }


def test_a_perfect_forecast_has_no_error_but_baselines_have(lake):
    found = verification.evaluate(lake, Oracle(lake), TWO_DAYS)
    assert found.errors[verification.MODEL][verification.OVERALL].weighted_quantile_loss == 0
    for baseline in ("persistence", "daily seasonal naive"):
        assert found.errors[baseline]["ozone"].weighted_quantile_loss > 0
    assert tables.verdict(found.errors) == [
        "model beats persistence on 2 of 2 pollutants",
        "model beats daily seasonal naive on 2 of 2 pollutants",
    ]


def test_baselines_do_not_use_values_after_the_origin(lake):
    before = verification.evaluate(lake, Oracle(lake), [LAST])
    position = lake.position(LAST)
    for row in lake.values.values():
        row[position + 12 :] = np.nan
    few_hours = verification.evaluate(lake, Oracle(lake), [LAST])
    naive = "daily seasonal naive"
    assert before.errors[naive] != few_hours.errors[naive]  # fewer hours to compare with
    later = verification.evaluate(lake, Oracle(lake), [LAST])
    assert later.errors == few_hours.errors


def test_a_refused_series_is_counted_and_the_others_are_evaluated(lake):
    found = verification.evaluate(lake, Oracle(lake, refused=[CARBON]), TWO_DAYS)
    assert found.refused == {CARBON: "404: unknown device"}
    assert list(found.errors[verification.MODEL]) == ["ozone", verification.OVERALL]
    summary = found.to_json()
    assert summary["refused"] == {"b/carbon_monoxide": "404: unknown device"}
    assert summary["series"] == 1


def test_a_series_without_values_in_the_forecast_hours_is_counted_and_left_out(lake):
    lake.values[CARBON][lake.position(LAST) :] = np.nan
    found = verification.evaluate(lake, Oracle(lake), [LAST])
    assert found.unobserved == (CARBON,)
    assert list(found.quantiles) == [OZONE]


def test_when_all_series_are_refused_the_first_reason_is_reported(lake):
    with pytest.raises(ForecastingError, match=r"no series .* compared.*404: unknown device"):
        verification.evaluate(lake, Oracle(lake, refused=[OZONE, CARBON]), TWO_DAYS)


@pytest.mark.parametrize("offset", [-1, 0, DAYS * 24, DAYS * 24 + 5])
def test_an_origin_outside_the_data_is_rejected(lake, offset):
    with pytest.raises(ForecastingError, match="the origin must lie after"):
        verification.evaluate(lake, Oracle(lake), [LAST, START + offset * HOUR])


def test_a_day_is_evaluated_without_the_series_that_have_no_values(lake):
    lake.values[CARBON][lake.position(LAST) :] = np.nan
    found = verification.evaluate(lake, Oracle(lake), TWO_DAYS)
    assert found.unobserved == ()
    assert [list(errors[verification.MODEL]) for errors in found.by_day.values()] == [
        ["ozone", "carbon_monoxide", verification.OVERALL],
        ["ozone", verification.OVERALL],
    ]


def test_a_pollutant_that_is_zero_on_a_day_does_not_stop_the_others(lake):
    lake.values[CARBON][lake.position(LAST) :] = 0.0
    found = verification.evaluate(lake, Oracle(lake), TWO_DAYS)
    assert [list(errors[verification.MODEL]) for errors in found.by_day.values()] == [
        ["ozone", "carbon_monoxide", verification.OVERALL],
        ["ozone", verification.OVERALL],
    ]
    lake.values[OZONE][lake.position(LAST) :] = 0.0
    with pytest.raises(ForecastingError, match="only zeros were observed"):
        verification.evaluate(lake, Oracle(lake), [LAST])


def test_all_days_have_the_same_weight_in_the_overall_errors(lake):
    naive = "daily seasonal naive"
    whole = verification.evaluate(lake, Oracle(lake), TWO_DAYS)
    apart = [verification.evaluate(lake, Oracle(lake), [origin]) for origin in TWO_DAYS]
    assert [one.errors for one in apart] == list(whole.by_day.values())
    mean = np.mean([one.errors[naive]["ozone"].mean_absolute_scaled_error for one in apart])
    assert whole.errors[naive]["ozone"].mean_absolute_scaled_error == pytest.approx(mean)


def printed(*parts, width=80):
    out = io.StringIO()
    console = Console(file=out, width=width)
    for part in parts:
        console.print(part)
    return out.getvalue()


def test_tables_show_every_pollutant_and_day_on_an_ordinary_terminal(lake):
    found = verification.evaluate(lake, Oracle(lake), TWO_DAYS)
    text = printed(tables.error_table(found), tables.day_table(found))
    for part in ("ozone", "carbon monoxide", "mean of pollutants", "persistence", "wQL"):
        assert part in text
    for part in ("Errors over 2 days", "2024-01-09 00:00", "2024-01-10 00:00", "all days"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_conclusion_is_about_all_days(lake):
    found = verification.evaluate(lake, Oracle(lake), TWO_DAYS)
    sentence = tables.conclusion(found, TWO_DAYS[0])
    assert sentence.startswith("Over 2 held-out days the model's loss is 0.000, against 0.")
    assert sentence.endswith("100% of the values lie in its 80 % band.")
    one = tables.conclusion(verification.evaluate(lake, Oracle(lake), [LAST]), LAST)
    assert one.startswith("Over the held-out day from 2024-01-10 00:00 UTC the model's loss")


@pytest.mark.parametrize("training_end", [None, TWO_DAYS[1]])
def test_days_that_training_may_have_seen_are_not_labelled_held_out(lake, training_end):
    found = verification.evaluate(lake, Oracle(lake), TWO_DAYS)
    assert tables.conclusion(found, training_end).startswith("Over 2 days the model's loss")


def test_a_forecast_is_shown_hour_by_hour(lake):
    (answer,) = Oracle(lake).forecasts(
        [verification.ForecastRequest("a", "ozone", LAST, quantiles=("0.5",))]
    )
    assert printed(tables.forecast_table(answer)).count("2024-01-10 ") == 24


def test_the_picture_is_a_png(lake, tmp_path):
    quantiles = verification.evaluate(lake, Oracle(lake), TWO_DAYS).quantiles[OZONE]
    path = tmp_path / "new" / "forecast.png"
    picture.draw(lake, OZONE, quantiles, path)
    assert path.read_bytes().startswith(b"\x89PNG")
