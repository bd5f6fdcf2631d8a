"""Tests the responses to forecast requests, and the model's input for them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from forecast_api.problems import model_does_not_fit
from rest_api.problems import unavailable

from contracts.models.forecast_input import DEFAULT_QUANTILES
from tests.support.api.contract import assert_fits
from tests.support.api.in_memory import Api, history

NAN = None


def body(operation_id, response):
    return assert_fits(operation_id, response["statusCode"], response["headers"], response["body"])


def test_a_forecast_starts_at_the_hour_after_the_last_one_with_data():
    answer = body("getForecast", Api().forecast())
    assert answer["origin"] == "2017-02-03T00:00:00Z"
    assert answer["hours"][0] == "2017-02-03T00:00:00Z"
    assert answer["hours"][-1] == "2017-02-03T23:00:00Z"
    assert answer["mean"] == [47.0] * 24
    assert answer["quantiles"] == {
        "0.1": pytest.approx([9.4] * 24),
        "0.5": pytest.approx([47.0] * 24),
        "0.9": pytest.approx([84.6] * 24),
    }
    assert answer["model"] == {"endpoint": "lakecast-local-forecast", "variant": "champion"}
    assert answer["request_id"] == "request-1"


def test_the_horizon_and_the_quantiles_are_the_requested_ones():
    answer = body("getForecast", Api().forecast(horizon="3", quantiles="0.9,0.2,0.9"))
    assert list(answer["quantiles"]) == ["0.2", "0.9"]
    assert [len(values) for values in answer["quantiles"].values()] == [3, 3]
    assert len(answer["hours"]) == len(answer["mean"]) == 3


@pytest.mark.parametrize("zone", ["Z", "+00:00"])
def test_a_past_origin_hides_all_values_at_or_after_it(zone):
    api = Api()
    answer = body("getForecast", api.forecast(origin=f"2017-02-01T05:00:00{zone}"))
    [([series], _)] = api.forecaster.asked
    assert series.target == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert answer["hours"][0] == "2017-02-01T05:00:00Z"
    assert answer["mean"][0] == 4.0


def test_a_model_gets_related_series_up_to_the_origin_only():
    past, later = [1.0, NAN, 3.0], [99.0, 99.0]
    measured = history(ozone=[0.0] * 5, carbon_monoxide=past + later, sulfur_dioxide=past + later)
    cat = {"ozone": [7, 0], "carbon_monoxide": [7, 2]}  # sulfur dioxide was not trained
    api = Api(replace(measured, cat=cat, area={"ozone": past + later}))
    api.forecast(origin="2017-02-01T03:00:00Z")
    [([series], _)] = api.forecaster.asked
    assert series.related == {"area": tuple(past), "pollutant-2": tuple(past)}


def test_hours_after_the_last_measured_one_are_not_history():
    api = Api(history(ozone=[1.0, 2.0, NAN, NAN], sulfur_dioxide=[5.0, 6.0, 7.0, NAN]))
    answer = body("getForecast", api.forecast())
    assert answer["origin"] == "2017-02-01T03:00:00Z"
    [([series], _)] = api.forecaster.asked
    assert series.target == (1.0, 2.0, NAN)


@pytest.mark.parametrize(
    "origin", ["2017-02-01T00:00:00Z", "2017-01-31T23:00:00Z", "2017-02-03T01:00:00Z"]
)
def test_an_origin_outside_the_history_is_refused_with_the_range(origin):
    response = Api().forecast(origin=origin)
    problem = body("getForecast", response)
    assert problem["status"] == response["statusCode"] == 400
    assert "2017-02-01T00:00:00Z" in problem["detail"]
    assert "2017-02-03T00:00:00Z" in problem["detail"]


def test_an_unknown_device_is_404():
    problem = body("getForecast", Api().forecast("nobody"))
    assert problem["status"] == 404
    assert problem["type"] == "urn:lakecast:problem:unknown-device"
    assert "nobody" in problem["detail"]


@pytest.mark.parametrize(
    "targets", [{"sulfur_dioxide": [1.0, 2.0]}, {"ozone": [NAN, NAN], "sulfur_dioxide": [1.0, 2.0]}]
)
def test_a_pollutant_that_the_device_never_measured_is_404(targets):
    problem = body("getForecast", Api(history(**targets)).forecast(pollutant="ozone"))
    assert problem["status"] == 404
    assert problem["type"] == "urn:lakecast:problem:no-history"
    assert "ozone" in problem["detail"]


def test_a_series_that_was_not_in_training_is_409_and_the_rest_of_its_batch_is_answered():
    known = history("known")
    unknown = replace(history("unknown"), cat={})
    api = Api(known, unknown)
    requests = [{"device_id": name, "pollutant": "ozone"} for name in ("unknown", "known")]
    first, second = body("createForecasts", api.post({"requests": requests}))["forecasts"]
    assert first["problem"]["type"] == "urn:lakecast:problem:model-does-not-fit"
    assert second["forecast"]["device_id"] == "known"
    assert body("getForecast", api.forecast("unknown"))["status"] == 409


@pytest.mark.parametrize("refused", [(), (3,), (0, 4), tuple(range(5))])
def test_series_that_the_model_refuses_are_problems_in_their_place(refused):
    """The model itself refuses an invocation as a whole."""
    devices = [replace(history(str(n)), cat={"ozone": [n, 0]}) for n in range(5)]
    api = Api(*devices)
    api.forecaster.refused = refused
    requests = [{"device_id": one.device_id, "pollutant": "ozone"} for one in devices]
    answers = body("createForecasts", api.post({"requests": requests}))["forecasts"]
    assert [number for number, one in enumerate(answers) if "problem" in one] == list(refused)
    for one, device in zip(answers, devices, strict=True):
        result = one.get("forecast") or one["problem"]
        assert result.get("device_id", device.device_id) == device.device_id
        assert result.get("status", 409) == 409
    assert [one.status for one in api.interactions.written] == [
        409 if number in refused else 200 for number in range(5)
    ]


def test_a_device_that_never_measured_anything_has_no_origin():
    problem = body("getForecast", Api(history(ozone=[NAN, NAN])).forecast())
    assert problem["status"] == 404


def test_an_endpoint_that_cannot_answer_is_503_with_retry_after():
    api = Api()
    api.forecaster.failure = unavailable("endpoint e does not exist")
    response = api.forecast()
    assert body("getForecast", response)["status"] == 503
    assert int(response["headers"]["Retry-After"]) > 0


def test_a_model_that_does_not_know_the_device_is_409_and_says_to_retrain():
    api = Api()
    api.forecaster.failure = model_does_not_fit("cat 9 is out of range")
    problem = body("getForecast", api.forecast())
    assert problem["status"] == 409
    assert "train" in problem["detail"]


def test_an_unexpected_failure_is_500_and_only_the_log_has_its_reason():
    api = Api()
    api.forecaster.failure = RuntimeError("disk on fire")
    response = api.forecast()
    assert body("getForecast", response)["status"] == 500
    assert "disk on fire" not in response["body"]
    [failure, _] = api.lines()
    assert failure["level"] == "ERROR"
    assert "disk on fire" in failure["message"]
    assert failure["request_id"] == "request-1"


def test_a_batch_is_answered_in_order_by_one_invocation():
    api = Api(history("a"), history("b", sulfur_dioxide=[3.0, 4.0]))
    answer = body(
        "createForecasts",
        api.post(
            {
                "requests": [
                    {"device_id": "b", "pollutant": "sulfur_dioxide", "quantiles": ["0.3"]},
                    {"device_id": "nobody", "pollutant": "ozone"},
                    {"device_id": "a", "pollutant": "ozone", "horizon": 2},
                ]
            }
        ),
    )
    first, second, third = answer["forecasts"]
    assert first["forecast"]["mean"][0] == 4.0
    assert list(first["forecast"]["quantiles"]) == ["0.3"]
    assert second["problem"]["status"] == 404
    assert third["forecast"]["mean"] == [47.0, 47.0]
    assert list(third["forecast"]["quantiles"]) == list(DEFAULT_QUANTILES)
    [(series, quantiles)] = api.forecaster.asked
    assert len(series) == 2
    assert quantiles == ["0.1", "0.3", "0.5", "0.9"]


def test_a_batch_without_a_known_device_does_not_invoke_the_model():
    api = Api()
    answer = body(
        "createForecasts", api.post({"requests": [{"device_id": "x", "pollutant": "ozone"}] * 2})
    )
    assert [one["problem"]["status"] for one in answer["forecasts"]] == [404, 404]
    assert api.forecaster.asked == []


def test_a_batch_without_an_endpoint_fails_as_a_whole():
    api = Api()
    api.forecaster.failure = unavailable("endpoint e is busy")
    response = api.post({"requests": [{"device_id": "station-1", "pollutant": "ozone"}]})
    assert body("createForecasts", response)["status"] == 503


def test_every_requested_forecast_is_recorded_with_its_result():
    api = Api()
    request = {"device_id": "station-1", "pollutant": "ozone", "horizon": 2}
    api.post({"requests": [request, {**request, "device_id": "nobody"}]})
    answered, refused = api.interactions.written
    assert (answered.status, answered.variant, answered.mean) == (200, "champion", (47.0, 47.0))
    assert answered.latency_ms > 0
    assert (refused.status, refused.problem, refused.variant) == (404, "unknown-device", None)
    assert (answered.position, refused.position) == (0, 1)


def test_a_failed_endpoint_is_recorded_too():
    api = Api()
    api.forecaster.failure = unavailable("endpoint e is busy")
    api.forecast()
    [record] = api.interactions.written
    assert (record.status, record.problem) == (503, "unavailable")


def test_a_lost_record_is_counted_and_the_forecast_still_returned():
    api = Api()
    api.interactions.full = True
    assert api.forecast()["statusCode"] == 200
    [line] = api.lines()
    assert line["interactions_lost"] == 1


def test_devices_are_listed_page_by_page():
    api = Api(history("a"), history("b"), history("c"))
    first = body("listDevices", api.get("/v1/devices", {"limit": "2"}))
    assert [one["device_id"] for one in first["devices"]] == ["a", "b"]
    second = body(
        "listDevices", api.get("/v1/devices", {"limit": "2", "after": first["next_after"]})
    )
    assert [one["device_id"] for one in second["devices"]] == ["c"]
    assert "next_after" not in second


@pytest.mark.parametrize(("state", "status"), [("InService", 200), ("Updating", 200)])
def test_an_endpoint_that_serves_is_healthy(state, status):
    api = Api()
    api.forecaster.state = state
    answer = body("getHealth", api.get("/v1/health"))
    assert answer["endpoint_status"] == state


@pytest.mark.parametrize("state", ["Creating", "Failed", "Deleting", "OutOfService"])
def test_an_endpoint_that_does_not_serve_is_503(state):
    api = Api()
    api.forecaster.state = state
    problem = body("getHealth", api.get("/v1/health"))
    assert problem["status"] == 503
    assert state in problem["detail"]


def test_each_call_writes_one_line_with_metrics_and_without_secrets():
    api = Api()
    api.forecast()
    [line] = api.lines()
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["environment", "operation"]]
    assert {metric["Name"] for metric in directive["Metrics"]} >= {"latency", "endpoint_latency"}
    assert all(isinstance(line[metric["Name"]], int | float) for metric in directive["Metrics"])
    assert (line["environment"], line["operation"], line["status"]) == ("local", "getForecast", 200)
    assert "a-secret" not in json.dumps(line)
