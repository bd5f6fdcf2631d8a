"""Events of any content: each is answered as the contract says, never by a fault of the service."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.messages.telemetry import POLLUTANTS
from contracts.models.forecast_input import QUANTILES
from tests.support.api.contract import assert_fits
from tests.support.api.in_memory import Api, event

THOROUGH = settings(max_examples=150, deadline=None)
HOSTILE = st.sampled_from(
    [
        *(10**400, -(10**400), 2**63, 1e308, 5e-324, 24.0, 1e1, -0.0, True, None, "24", "NaN"),
        *("\ud800", "\u0000", "\u2028", "a\n", "2017-02-02T00:00:00z", "2017-02-02T24:00:00Z"),
        *("2017-W05-4T00:00:00Z", "20170202T000000Z", "9999-12-31T23:00:00Z", "0.5 ", "5e-1"),
        *("0001-01-01T00:00:00Z", "2017-02-02T00:00:00+00:00", "2017-02-02 00:00:00Z", "."),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return usual | usual | usual | HOSTILE | ANYTHING


REQUEST = st.fixed_dictionaries(
    {
        "device_id": mostly(st.just("station-1")),
        "pollutant": mostly(st.just("ozone") | st.sampled_from(POLLUTANTS)),
    },
    optional={
        "horizon": mostly(st.integers(1, 24)),
        "quantiles": mostly(st.lists(mostly(st.sampled_from(QUANTILES)), max_size=3)),
        "origin": mostly(st.just("2017-02-02T12:00:00Z")),
    },
)
BODIES = st.fixed_dictionaries({"requests": mostly(st.lists(mostly(REQUEST), max_size=3))})
TEXTS = mostly(
    st.sampled_from(["station-1", "ozone", "24", "0.5,0.1", "2017-02-02T12:00:00Z"])
).map(lambda value: value if isinstance(value, str) else json.dumps(value))


def check(operation_id: str, response: dict[str, Any]) -> None:
    """Hold an answer to the contract: a document without NaN, or a refusal that says where."""
    assert response["statusCode"] in (200, 400, 404, 413), response["body"]
    answer = assert_fits(
        operation_id, response["statusCode"], response["headers"], response["body"]
    )
    json.loads(response["body"], parse_constant=pytest.fail)
    if response["statusCode"] == 400:
        assert answer["errors"] and all(one.keys() == {"at", "detail"} for one in answer["errors"])


@THOROUGH
@given(BODIES | ANYTHING)
@example({"requests": [{"device_id": "station-1", "pollutant": "ozone", "horizon": 24.0}]})
@example({"requests": [{"device_id": "station-1", "pollutant": "ozone", "horizon": 1e1}]})
def test_any_batch_is_answered_or_refused(document):
    check("createForecasts", Api().send(event("POST", "/v1/forecasts", body=json.dumps(document))))


@THOROUGH
@given(st.text(max_size=40), st.booleans())
@example("\ud800", False)
@example("é", True)
@example("====", True)
@example("a", True)
def test_any_text_is_refused_as_a_body(text, is_encoded):
    sent = event("POST", "/v1/forecasts", body=text) | {"isBase64Encoded": is_encoded}
    check("createForecasts", Api().send(sent))


@THOROUGH
@given(st.binary(max_size=40))
def test_any_bytes_are_refused_as_a_body(content):
    sent = event("POST", "/v1/forecasts", body=base64.b64encode(content).decode())
    check("createForecasts", Api().send(sent | {"isBase64Encoded": True}))


@THOROUGH
@given(
    TEXTS,
    st.dictionaries(
        st.sampled_from(["pollutant", "horizon", "quantiles", "origin", "x", ""]),
        st.lists(TEXTS, max_size=2),
    ),
)
def test_any_query_is_answered_or_refused(device_id, query):
    sent = event("GET", "/v1/devices/{device_id}/forecast", path={"device_id": device_id})
    check("getForecast", Api().send(sent | {"multiValueQueryStringParameters": query}))


@THOROUGH
@given(st.dictionaries(st.sampled_from(["limit", "after", "x"]), st.lists(TEXTS, max_size=2)))
def test_any_page_is_answered_or_refused(query):
    sent = event("GET", "/v1/devices")
    check("listDevices", Api().send(sent | {"multiValueQueryStringParameters": query}))


@pytest.mark.parametrize("horizon", ["24", "024", "1e1", "24.0", " 24", "+24", "\u0662\u0664"])
def test_a_horizon_in_a_query_is_written_in_digits(horizon):
    response = Api().forecast(horizon=horizon)
    assert response["statusCode"] == (200 if horizon in ("24", "024") else 400)
