"""The client of the forecast API, with a server that follows the API's contract."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from forecasting.api.client import BATCH, ForecastApi, ForecastRequest, Refusal, stage_url
from forecasting.errors import ForecastingError

from contracts.names import Names
from lakecast.__main__ import main

ORIGIN = datetime(2024, 5, 1, 12, tzinfo=UTC)


def forecast(device_id, pollutant="ozone"):
    return {
        "device_id": device_id,
        "pollutant": pollutant,
        "unit": "µg/m³",
        "origin": "2024-05-01T12:00:00Z",
        "hours": ["2024-05-01T12:00:00Z", "2024-05-01T13:00:00Z"],
        "quantiles": {"0.5": [1.5, 2.5]},
        "mean": [1.0, 2.0],
        "model": {"endpoint": "e", "variant": "champion"},
        "request_id": "r",
    }


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(None)

    def do_POST(self):
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, body):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.seen.append((url.path, query, body))
        status, document = self.document(url.path, query, body)
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def document(self, path, query, body):
        if self.headers["x-api-key"] != "secret":
            return 403, {"message": "Forbidden"}
        if path == "/v1/devices":
            return 200, {"devices": [{"device_id": "b"}]} if "after" in query else {
                "devices": [{"device_id": "a"}],
                "next_after": "a",
            }
        if path == "/v1/forecasts":
            return 200, {
                "forecasts": [
                    {"problem": {"status": 404, "detail": "unknown device"}}
                    if one["device_id"] == "x"
                    else {"forecast": forecast(one["device_id"])}
                    for one in body["requests"]
                ]
            }
        if "broken" in path:
            return 502, b"<html>bad gateway</html>"
        return 200, forecast("a")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.seen = []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def api(server):
    return ForecastApi(f"http://127.0.0.1:{server.server_port}", "secret")


def test_a_forecast_is_requested_by_device_pollutant_and_origin(api, server):
    answer = api.forecast(ForecastRequest("a b", "ozone", ORIGIN, quantiles=("0.1", "0.5")))
    ((path, query, _),) = server.seen
    assert path == "/v1/devices/a%20b/forecast"
    assert query == {
        "pollutant": "ozone",
        "horizon": "24",
        "quantiles": "0.1,0.5",
        "origin": "2024-05-01T12:00:00Z",
    }
    assert answer.quantiles == {"0.5": (1.5, 2.5)}
    assert answer.hours[1] == datetime(2024, 5, 1, 13, tzinfo=UTC)
    assert answer.variant == "champion"


def test_many_forecasts_take_as_few_calls_as_the_api_allows(api, server):
    requests = [ForecastRequest(f"d{number}", "ozone") for number in range(BATCH + 1)]
    answers = api.forecasts(requests)
    assert [answer.device_id for answer in answers] == [one.device_id for one in requests]
    assert [len(body["requests"]) for _, _, body in server.seen] == [BATCH, 1]


def test_a_series_without_a_forecast_has_a_refusal_in_its_place(api):
    first, second = api.forecasts([ForecastRequest("x", "ozone"), ForecastRequest("a", "ozone")])
    assert first == Refusal(404, "unknown device")
    assert second.device_id == "a"


def test_devices_are_read_page_by_page(api):
    assert api.devices() == ["a", "b"]


def test_a_wrong_key_is_reported_with_the_apis_message(server):
    api = ForecastApi(f"http://127.0.0.1:{server.server_port}", "wrong")
    with pytest.raises(ForecastingError, match=r"answered 403.*Forbidden"):
        api.devices()


def test_a_response_that_is_not_json_is_shown(api):
    with pytest.raises(ForecastingError, match=r"answered 502.*bad gateway"):
        api.forecast(ForecastRequest("broken", "ozone"))


def test_an_unreachable_api_is_named():
    with pytest.raises(ForecastingError, match=r"127\.0\.0\.1:9 does not answer"):
        ForecastApi("http://127.0.0.1:9", "secret").devices()


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (
            "https://apigateway.eu-west-1.amazonaws.com",
            "https://abc.execute-api.eu-west-1.amazonaws.com/v1",
        ),
        (
            "https://apigateway.cn-north-1.amazonaws.com.cn",
            "https://abc.execute-api.cn-north-1.amazonaws.com.cn/v1",
        ),
        ("http://127.0.0.1:4566", "http://127.0.0.1:4566/restapis/abc/v1/_user_request_"),
    ],
)
def test_an_apis_address_is_derived_from_api_gateways_endpoint(endpoint, url):
    assert stage_url(endpoint, "abc", "v1") == url


class Gateway:
    """API Gateway with several APIs and keys."""

    class meta:
        endpoint_url = "https://apigateway.eu-west-1.amazonaws.com"

    def __init__(self, *names):
        self._names = names

    def client(self, service):
        return self

    def get_paginator(self, operation):
        self._operation = operation
        return self

    def paginate(self, **_):
        field = {"get_rest_apis": "id", "get_api_keys": "value"}[self._operation]
        return [{"items": [{"name": name, field: f"{field}-{name}"} for name in self._names]}]

    def get_stages(self, restApiId):
        return {"item": [{"stageName": "v1"}]}


def test_the_api_and_its_key_are_found_by_name():
    names = Names("dev", "000000000000", "eu-west-1")
    api = ForecastApi.find(Gateway("other", names.api), names)
    assert api.url == f"https://id-{names.api}.execute-api.eu-west-1.amazonaws.com/v1"
    with pytest.raises(ForecastingError, match=f"no REST API named {names.api}.*make apply"):
        ForecastApi.find(Gateway("other"), names)


@pytest.mark.parametrize(
    "arguments",
    [
        ["forecast", "--origin", "2024-05-01T12:30:00Z"],
        ["forecast", "--origin", "yesterday"],
        ["reject"],
        ["fly"],
    ],
)
def test_a_malformed_command_is_one_line_and_2(arguments, capsys):
    assert main(["models", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("lakecast models")
    assert error.count("\n") == 1


def test_an_aws_that_does_not_answer_is_one_line_and_1(monkeypatch, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert main(["models", "forecast"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "127.0.0.1:9" in error
