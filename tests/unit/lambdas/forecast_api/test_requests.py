"""Which requests are carried out; a refused one is told all that is wrong with it at once."""

from __future__ import annotations

import base64
import json

import pytest
from forecast_api.problems import Problem
from forecast_api.validation import MAX_BATCH, MAX_PAGE, forecasts_from_body
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.messages.telemetry import POLLUTANTS, json_schema
from contracts.models.forecast_input import HORIZON, QUANTILES
from tests.support.api.contract import DOCUMENT, assert_fits, is_valid
from tests.support.api.in_memory import Api, event

REQUEST = {"device_id": "station-1", "pollutant": "ozone"}


def refusal(operation_id, response, status=400):
    assert response["statusCode"] == status, response["body"]
    return assert_fits(operation_id, status, response["headers"], response["body"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pollutant", "dust"),
        ("pollutant", ""),
        ("horizon", "0"),
        ("horizon", "25"),
        ("horizon", "-1"),
        ("horizon", "1.5"),
        ("horizon", "²"),
        ("horizon", "99999999999999999999"),
        ("quantiles", "0.95"),
        ("quantiles", "0.1,,0.9"),
        ("quantiles", ""),
        ("quantiles", "0.10"),
        ("origin", "2017-02-02"),
        ("origin", "2017-02-02T05:30:00Z"),
        ("origin", "2017-02-02T05:00:00+01:00"),
        ("origin", "2017-02-30T05:00:00Z"),
        ("origin", "yesterday"),
        ("quantile", "0.5"),
    ],
)
def test_a_bad_parameter_is_named_and_refused(name, value):
    api = Api()
    problem = refusal("getForecast", api.forecast(**{name: value}))
    assert [error["at"] for error in problem["errors"]] == [name]
    assert api.forecaster.asked == []
    assert api.interactions.written == []


@pytest.mark.parametrize(
    "device_id", ["", "../raw/telemetry", "a b", "a" * 129, "é", "%2e%2e%2fraw", "a/b", "a\n"]
)
def test_a_device_id_that_the_telemetry_contract_forbids_never_becomes_a_key(device_id):
    problem = refusal("getForecast", Api().forecast(device_id))
    assert problem["errors"][0]["at"] == "device_id"


def test_a_device_id_may_come_percent_encoded():
    assert Api().forecast("station%2D1")["statusCode"] == 200


def test_all_that_is_wrong_is_told_at_once():
    problem = refusal("getForecast", Api().forecast("a b", pollutant="dust", horizon="0"))
    assert [error["at"] for error in problem["errors"]] == ["device_id", "pollutant", "horizon"]


def test_a_parameter_is_given_once():
    sent = event("GET", "/v1/devices/{device_id}/forecast", path={"device_id": "station-1"})
    sent["multiValueQueryStringParameters"] = {"pollutant": ["ozone", "ozone"]}
    assert "2 times" in refusal("getForecast", Api().send(sent))["detail"]


def test_a_missing_pollutant_is_refused():
    sent = event("GET", "/v1/devices/{device_id}/forecast", path={"device_id": "station-1"})
    assert "pollutant" in refusal("getForecast", Api().send(sent))["detail"]


@pytest.mark.parametrize(
    ("document", "at"),
    [
        ([REQUEST], "/requests"),
        ({}, "/requests"),
        ({"requests": []}, "/requests"),
        ({"requests": [REQUEST] * (MAX_BATCH + 1)}, "/requests"),
        ({"requests": [REQUEST], "more": 1}, "/more"),
        ({"requests": [REQUEST, 7]}, "/requests/1"),
        ({"requests": [{"device_id": "a"}]}, "/requests/0/pollutant"),
        ({"requests": [{**REQUEST, "device_id": 5}]}, "/requests/0/device_id"),
        ({"requests": [{**REQUEST, "horizon": True}]}, "/requests/0/horizon"),
        ({"requests": [{**REQUEST, "horizon": 2.5}]}, "/requests/0/horizon"),
        ({"requests": [{**REQUEST, "horizon": "24"}]}, "/requests/0/horizon"),
        ({"requests": [{**REQUEST, "quantiles": "0.5"}]}, "/requests/0/quantiles"),
        ({"requests": [{**REQUEST, "quantiles": [0.5]}]}, "/requests/0/quantiles"),
        ({"requests": [{**REQUEST, "quantiles": []}]}, "/requests/0/quantiles"),
        ({"requests": [{**REQUEST, "origin": None}]}, "/requests/0/origin"),
        ({"requests": [{**REQUEST, "horizont": 3}]}, "/requests/0/horizont"),
    ],
)
def test_a_bad_batch_is_refused_as_a_whole(document, at):
    api = Api()
    problem = refusal("createForecasts", api.post(document))
    assert [error["at"] for error in problem["errors"]] == [at]
    assert api.forecaster.asked == []


@pytest.mark.parametrize("text", ["", "{", "[" * 5000, '"\\ud800"', '{"requests": [NaN]}'])
def test_a_body_that_is_no_batch_is_refused(text):
    refusal("createForecasts", Api().send(event("POST", "/v1/forecasts", body=text)))


def test_a_body_larger_than_any_batch_is_refused_unread():
    text = json.dumps({"requests": [REQUEST], "padding": "x" * 70_000})
    refusal("createForecasts", Api().send(event("POST", "/v1/forecasts", body=text)), status=413)


def test_a_body_may_come_in_base64():
    sent = event("POST", "/v1/forecasts")
    text = json.dumps({"requests": [REQUEST]}).encode()
    sent |= {"body": base64.b64encode(text).decode(), "isBase64Encoded": True}
    assert Api().send(sent)["statusCode"] == 200


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "1001"}, {"after": "../x"}, {"page": "2"}]
)
def test_a_bad_page_of_devices_is_refused(query):
    refusal("listDevices", Api().get("/v1/devices", query))


def test_what_the_api_does_not_have_is_404():
    response = Api().get("/v2/devices")
    assert response["statusCode"] == 404
    assert response["headers"]["Content-Type"] == "application/problem+json"


def test_the_contract_and_the_code_name_the_same_limits():
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Pollutant"]["enum"] == list(POLLUTANTS)
    assert schemas["Quantile"]["enum"] == list(QUANTILES)
    assert list(schemas["Forecast"]["properties"]["quantiles"]["properties"]) == list(QUANTILES)
    assert schemas["DeviceId"]["pattern"] == json_schema()["properties"]["device_id"]["pattern"]
    assert schemas["ForecastRequest"]["properties"]["horizon"]["maximum"] == HORIZON
    assert schemas["ForecastBatch"]["properties"]["requests"]["maxItems"] == MAX_BATCH
    [limit, after] = DOCUMENT["paths"]["/v1/devices"]["get"]["parameters"]
    assert limit["schema"]["maximum"] == MAX_PAGE
    assert after["schema"]["pattern"] == schemas["DeviceId"]["pattern"]


_values = st.one_of(st.sampled_from([None, True, 24.5, "24", "ä b", "a"]), st.integers(-2, 30))
_requests = st.fixed_dictionaries(
    {"device_id": _values, "pollutant": st.sampled_from([*POLLUTANTS, 1])},
    optional={
        "horizon": _values,
        "quantiles": st.lists(st.sampled_from([*QUANTILES, "0.95", 0.5]), max_size=10),
        "origin": st.sampled_from(["2017-02-01T00:00:00Z", "2017-02-01", None]),
    },
)


@settings(deadline=None)
@given(st.fixed_dictionaries({"requests": st.lists(_requests, max_size=4)}))
def test_the_code_carries_out_just_what_the_contract_allows(document):
    """Gateway and function must agree, or a request that one admits fails in the other."""
    text = json.dumps(document)
    try:
        forecasts_from_body(text.encode())
        carried_out = True
    except Problem as problem:
        assert problem.status == 400
        carried_out = False
    assert carried_out == is_valid("ForecastBatch", json.loads(text))
