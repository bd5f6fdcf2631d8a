"""Tests which requests are accepted, and that a refusal names all faults at once."""

from __future__ import annotations

import base64
import json

import pytest
from forecasting.api.client import BATCH
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_api.contract import operations
from rest_api.problems import Problem

from contracts.messages.telemetry import POLLUTANTS, json_schema
from contracts.models.forecast_input import DEFAULT_QUANTILES, HORIZON, QUANTILES
from tests.support.api.contract import DOCUMENT, MAX_BATCH, assert_fits, is_allowed
from tests.support.api.in_memory import CONTRACT, Api, event

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
def test_a_device_id_that_the_telemetry_contract_forbids_is_refused(device_id):
    problem = refusal("getForecast", Api().forecast(device_id))
    assert problem["errors"][0]["at"] == "device_id"


def test_a_device_id_may_be_percent_encoded():
    assert Api().forecast("station%2D1")["statusCode"] == 200


def test_all_faults_are_reported_together():
    problem = refusal("getForecast", Api().forecast("a b", pollutant="dust", horizon="0"))
    assert [error["at"] for error in problem["errors"]] == ["device_id", "pollutant", "horizon"]


def test_a_repeated_parameter_is_refused():
    sent = event("GET", "/v1/devices/{device_id}/forecast", path={"device_id": "station-1"})
    sent["multiValueQueryStringParameters"] = {"pollutant": ["ozone", "ozone"]}
    assert "2 times" in refusal("getForecast", Api().send(sent))["detail"]


def test_a_missing_pollutant_is_refused():
    sent = event("GET", "/v1/devices/{device_id}/forecast", path={"device_id": "station-1"})
    assert "pollutant" in refusal("getForecast", Api().send(sent))["detail"]


@pytest.mark.parametrize(
    ("document", "at"),
    [
        ([REQUEST], "body"),
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
def test_an_unreadable_body_is_refused(text):
    refusal("createForecasts", Api().send(event("POST", "/v1/forecasts", body=text)))


def test_a_body_larger_than_any_batch_is_refused_unread():
    text = json.dumps({"requests": [REQUEST], "padding": "x" * 70_000})
    refusal("createForecasts", Api().send(event("POST", "/v1/forecasts", body=text)), status=413)


def test_a_body_may_be_encoded_in_base64():
    sent = event("POST", "/v1/forecasts")
    text = json.dumps({"requests": [REQUEST]}).encode()
    sent |= {"body": base64.b64encode(text).decode(), "isBase64Encoded": True}
    assert Api().send(sent)["statusCode"] == 200


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "1001"}, {"after": "../x"}, {"page": "2"}]
)
def test_a_bad_page_of_devices_is_refused(query):
    refusal("listDevices", Api().get("/v1/devices", query))


def test_an_unknown_route_is_404():
    response = Api().get("/v2/devices")
    assert response["statusCode"] == 404
    assert response["headers"]["Content-Type"] == "application/problem+json"


def test_an_invalid_value_is_shown_with_the_expected_one():
    wrong = {**REQUEST, "horizon": 25, "quantiles": ["0.5", "0.95", 7], "origin": "2017-02-30"}
    problem = refusal("createForecasts", Api().post({"requests": [wrong, 7]}))
    details = {error["at"]: error["detail"] for error in problem["errors"]}
    assert details == {
        "/requests/0/horizon": "must be a whole number from 1 to 24; got 25",
        "/requests/0/quantiles": f'must be one of {", ".join(QUANTILES)}; got "0.95"',
        "/requests/0/origin": (
            "must match ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00(Z|[+]00:00)$ "
            '(A full hour in UTC, such as 2026-01-31T13:00:00Z); got "2017-02-30"'
        ),
        "/requests/1": "must be an object; got 7",
    }
    assert all(f"{at}: {detail}" in problem["detail"] for at, detail in details.items())


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        ({"requests": []}, "must be a list of 1 to 50 items; got 0 items"),
        ({"requests": "all"}, 'must be a list of 1 to 50 items; got "all"'),
        ({"requests": [REQUEST], "more": 1}, "is unknown; expected one of requests"),
        ({}, "is missing; it must be a list of 1 to 50 items"),
        ([], "must be an object; got []"),
    ],
)
def test_a_detail_describes_a_valid_batch(document, detail):
    [error] = refusal("createForecasts", Api().post(document))["errors"]
    assert error["detail"] == detail


def test_a_day_that_is_not_in_the_calendar_is_named():
    problem = refusal("getForecast", Api().forecast(origin="2017-02-30T05:00:00Z"))
    assert problem["detail"] == (
        'origin: must be an existing day and time; got "2017-02-30T05:00:00Z"'
    )


def test_the_contracts_agree():
    """The document agrees with the messages, the model's input and the API's client."""
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Pollutant"]["enum"] == list(POLLUTANTS)
    assert schemas["Quantile"]["enum"] == list(QUANTILES)
    assert schemas["Quantiles"]["default"] == list(DEFAULT_QUANTILES)
    assert list(schemas["Forecast"]["properties"]["quantiles"]["properties"]) == list(QUANTILES)
    assert schemas["DeviceId"]["pattern"] == json_schema()["properties"]["device_id"]["pattern"]
    assert schemas["Horizon"]["maximum"] == schemas["Horizon"]["default"] == HORIZON
    assert MAX_BATCH == BATCH


_OPERATIONS = {one.operation_id: one for one in operations(CONTRACT)}


def is_accepted(operation_id, sent):
    try:
        _OPERATIONS[operation_id].request(sent)
    except Problem as problem:
        assert problem.status == 400
        assert problem.errors
        return False
    return True


_names = st.sampled_from(["pollutants", "Horizon", "device_id", "limit "])


def sometimes_with(strategy, values):
    """Return a strategy of the same dictionaries, some with an additional name."""
    more = st.one_of(st.just({}), st.just({}), st.dictionaries(_names, values, max_size=1))
    return st.tuples(strategy, more).map(lambda pair: pair[0] | pair[1])


HOURS = ["2017-02-01T00:00:00Z", "2016-02-29T05:00:00+00:00", "2017-02-29T05:00:00Z",
         "0000-01-01T00:00:00Z", "2017-02-01T24:00:00Z", "2017-02-01", "2017-02-01T05:00:00+01:00",
         "2017-02-01T00:00:00Z\n"]  # fmt: skip
_texts = st.one_of(
    st.sampled_from(["", "a", "ä b", "a\n", "a" * 128, "a" * 129, "24", "+3", "0x1", "1e1", " 3"]),
    st.integers(-2, 1200).map(str),
    st.text(max_size=5),
)
_levels = st.sampled_from([*QUANTILES * 5, "0.95", "0.10", "", ".5"])
_forecast_queries = st.fixed_dictionaries(
    {"pollutant": st.sampled_from([*POLLUTANTS, "dust"])},
    optional={
        "horizon": st.one_of(st.integers(1, 24).map(str), _texts),
        "quantiles": st.lists(_levels, max_size=9).map(",".join),
        "origin": st.one_of(st.sampled_from(HOURS), _texts),
    },
)
_device_ids = st.one_of(st.just("station-1"), st.just("station%2D1"), _texts)
_device_queries = st.fixed_dictionaries({}, optional={"limit": _texts, "after": _texts})
_values = st.one_of(
    st.sampled_from([None, True, 24.0, 24.5, "24", "ä b", "a", "a\n", [], {}]), st.integers(-2, 30)
)
_requests = st.fixed_dictionaries(
    {"device_id": st.sampled_from(["a", "a\n", 5]), "pollutant": st.sampled_from([*POLLUTANTS, 1])},
    optional={
        "horizon": _values,
        "quantiles": st.lists(st.sampled_from([*QUANTILES * 5, "0.95", 0.5]), max_size=9),
        "origin": st.sampled_from([*HOURS, None]),
    },
)
_sound = st.fixed_dictionaries(
    {"device_id": st.just("a"), "pollutant": st.sampled_from(POLLUTANTS)},
    optional={"horizon": _values, "origin": st.sampled_from(HOURS)},
)
_any = st.one_of(_requests, sometimes_with(_requests, _values), _values)


@settings(deadline=None)
@given(
    sometimes_with(
        st.fixed_dictionaries(
            {"requests": st.one_of(st.lists(_sound, max_size=2), st.lists(_any, max_size=4))}
        ),
        st.just(1),
    )
)
def test_the_code_accepts_exactly_the_bodies_that_the_contract_allows(document):
    text = json.dumps(document)
    sent = event("POST", "/v1/forecasts", body=text)
    expected = is_allowed("createForecasts", {}, {}, json.loads(text))
    assert is_accepted("createForecasts", sent) == expected


@settings(deadline=None)
@given(_device_ids, sometimes_with(_forecast_queries, _texts))
def test_the_code_accepts_exactly_the_forecast_requests_that_the_contract_allows(device_id, query):
    path = {"device_id": device_id}
    sent = event("GET", "/v1/devices/{device_id}/forecast", query, path=path)
    assert is_accepted("getForecast", sent) == is_allowed("getForecast", path, query)


@settings(deadline=None)
@given(sometimes_with(_device_queries, _texts))
def test_the_code_accepts_exactly_the_page_requests_that_the_contract_allows(query):
    sent = event("GET", "/v1/devices", query)
    assert is_accepted("listDevices", sent) == is_allowed("listDevices", {}, query)
