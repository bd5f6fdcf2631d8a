"""Requests of any content: each is answered, or refused with status 400 and a reason."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from boosting_container import training as boosting
from boosting_container.hyperparameters import Hyperparameters
from container_runtime.errors import RequestError
from forecast_format.forecasts import ForecastModel, SampledForecast
from forecast_format.invocation import (
    MAX_QUANTILES,
    Configuration,
    answer_json,
    answer_json_lines,
)
from forecast_format.series import LARGEST, Series
from forecast_format.server import application
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.support.models.deepar_bench import tiny_model, tiny_series, tiny_settings, tiny_weights

__all__ = ["tiny_model", "tiny_series", "tiny_settings", "tiny_weights"]

HORIZON = 24


class Stub:
    """A model that answers every valid series."""

    prediction_length = HORIZON
    frequency = "h"
    quantile_range = (0.025, 0.975)

    def check(self, series: Series) -> None: ...

    def forecast(self, series: Sequence[Series], num_samples: int) -> list[SampledForecast]:
        return [SampledForecast(np.ones((num_samples, HORIZON))) for _ in series]


@cache
def boosted() -> ForecastModel:
    hours = np.arange(24 * 16)
    target = np.float32(10 + 5 * np.sin(2 * np.pi * hours / 24) + hours % 7)
    start = pd.Period("2024-01-01", freq="h")
    series = [Series(start, target * (1 + pollutant), (0, pollutant)) for pollutant in (0, 1)]
    quick = Hyperparameters("H", HORIZON, folds=2, rounds=2, min_data_in_leaf=5)
    return boosting.fit(series, quick)[0]


@pytest.fixture(params=["boosting", "deepar"])
def model(request: pytest.FixtureRequest, tiny_model: ForecastModel) -> ForecastModel:
    return boosted() if request.param == "boosting" else tiny_model


NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**400), 1e308, LARGEST, -LARGEST, 2**31, 1e-320, 0.0, -0.0])
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=9) | st.just("NaN"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
TIMES = st.sampled_from(
    [
        "2024-01-01 00:00:00",
        "1600-01-01",
        "1700-01-01",
        "2199-12-31 23:00:00",
        "2262-04-11 23:47:16",
    ]
)
VALUES = st.lists(NUMBERS | st.none() | st.just("NaN"), max_size=60)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of a field: usually of the right type, sometimes anything."""
    return usual | usual | usual | ANYTHING


INSTANCES = st.fixed_dictionaries(
    {"start": mostly(TIMES), "target": mostly(VALUES)},
    optional={
        "cat": mostly(st.just([0, 1]) | st.lists(NUMBERS, max_size=3)),
        "dynamic_feat": mostly(st.lists(VALUES, max_size=2)),
        "related": mostly(
            st.dictionaries(st.sampled_from(["area", "pollutant-1", "x"]), VALUES, max_size=2)
        ),
    },
)
CONFIGURATIONS = st.fixed_dictionaries(
    {},
    optional={
        "num_samples": mostly(st.integers(1, 9)),
        "output_types": mostly(st.lists(st.sampled_from(["mean", "quantiles", "samples"]))),
        "quantiles": mostly(st.lists(st.sampled_from(["0.1", "0.5", 0.9, "0.999", ".5", "1e-3"]))),
    },
)
BODIES = st.fixed_dictionaries(
    {"instances": mostly(st.lists(mostly(INSTANCES), min_size=1, max_size=3))},
    optional={"configuration": mostly(CONFIGURATIONS)},
)
THOROUGH = settings(max_examples=300, deadline=None)
WITH_MODELS = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def numbers_of(answer: Any) -> list[float]:
    if isinstance(answer, dict):
        return [number for value in answer.values() for number in numbers_of(value)]
    if isinstance(answer, list):
        return [number for value in answer for number in numbers_of(value)]
    return [answer]


def check(model: ForecastModel, body: bytes) -> bool:
    """Hold the answer to a request: finite numbers, or a reason. Return whether it is answered."""
    try:
        answer = answer_json(model, body)
    except RequestError as error:
        assert 5 < len(str(error)) < 400
        return False
    assert all(math.isfinite(number) for number in numbers_of(answer))
    return True


@THOROUGH
@given(
    st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_refused(body):
    assert not check(Stub(), body)


@THOROUGH
@given(st.binary(max_size=60))
def test_any_bytes_are_refused_in_lines(body):
    assume(body.strip())
    with pytest.raises(RequestError, match=r"^line \d+"):
        answer_json_lines(Stub(), body, Configuration())


@THOROUGH
@given(ANYTHING)
def test_any_json_is_answered_or_refused(document):
    check(Stub(), json.dumps(document).encode())


@THOROUGH
@given(BODIES)
def test_almost_right_requests_are_answered_or_refused(document):
    check(Stub(), json.dumps(document).encode())


@WITH_MODELS
@given(document=BODIES)
def test_the_models_answer_or_refuse_almost_right_requests(model, document):
    check(model, json.dumps(document).encode())


@WITH_MODELS
@given(target=st.lists(st.floats(-LARGEST, LARGEST) | st.none(), max_size=80))
def test_the_models_answer_values_of_any_size(model, target):
    instance = {"start": "2024-01-01 00:00:00", "target": target, "cat": [0, 1]}
    document = {"instances": [instance], "configuration": {"num_samples": 5}}
    assert check(model, json.dumps(document).encode())


INSTANCE = {"start": "2024-01-01 00:00:00", "target": [1.0, 2.0, 3.0] * 20, "cat": [0, 1]}


def refusal(model: ForecastModel, instance: dict[str, Any], **configuration: Any) -> str:
    body = {"instances": [instance], "configuration": configuration}
    with pytest.raises(RequestError) as refused:
        answer_json(model, json.dumps(body).encode())
    return str(refused.value)


def test_features_that_a_model_was_not_trained_with_are_refused(model):
    given_ahead = {**INSTANCE, "dynamic_feat": [[1.0] * 84]}
    expected = "instances[0]: dynamic_feat must be absent: the model was trained without it"
    assert refusal(model, given_ahead) == expected


@pytest.mark.parametrize(
    "start", [1704114000, 1.5, True, "now", "today", "12:00", "2024", "20240101"]
)
def test_a_start_that_would_mean_something_else_is_refused(start):
    message = refusal(Stub(), {**INSTANCE, "start": start})
    assert message.startswith("instances[0]: start must be a time such as 2024-05-01 00:00:00; got")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": "1600-01-01"}, "start must lie from 1700 to 2200"),
        ({"start": "2500-01-01 00:00:00"}, "start must lie from 1700 to 2200"),
        ({"start": "2199-12-31 00:00:00"}, "target must end before 2200; got 60 values"),
        ({"start": "2024-02-30 00:00:00"}, "start must be a time"),
        ({"start": "2024-01-01T00:00:00+01:00"}, "start must have no time zone"),
        ({"target": [1.0, True]}, 'target must be a list of numbers, null or "NaN"; got True'),
        ({"target": [1.0, "2"]}, "target must be a list of numbers, null or \"NaN\"; got '2'"),
        ({"target": {}}, "target must be a list of numbers; got {}"),
        ({"target": [10**400]}, "target must be finite"),
        ({"target": [3e38]}, "target must be finite, and from -1e+15 to 1e+15; got 3e+38"),
        ({"cat": [10**400, 1]}, "cat must be a list of integers from 0"),
        ({"cat": {}}, "cat must be a list of integers from 0"),
        ({"dynamic_feat": {}}, "dynamic_feat must be a list of lists"),
        ({"related": {"area": [1e300]}}, "related[area] must be finite"),
    ],
)
def test_an_invalid_field_is_refused_by_name(change, message):
    assert f"instances[0]: {message}" in refusal(Stub(), {**INSTANCE, **change})


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"quantiles": ["0.98"]}, "a quantile of this model must be from 0.025 to 0.975; got 0.98"),
        ({"quantiles": [0.01]}, "a quantile of this model must be from 0.025 to 0.975; got 0.01"),
        ({"quantiles": [10**400]}, "a quantile must be between 0 and 1"),
        ({"quantiles": ["0.1_5"]}, "a quantile must be between 0 and 1"),
        ({"quantiles": ["0.5"] * (MAX_QUANTILES + 1)}, f"a list of 1 to {MAX_QUANTILES} levels"),
        ({"num_sample": 5}, "configuration may hold num_samples, output_types, quantiles; got"),
    ],
)
def test_an_invalid_configuration_is_refused_by_name(configuration, message):
    assert message in refusal(Stub(), INSTANCE, **configuration)


def test_the_outermost_quantiles_of_a_model_are_answered():
    body = {"instances": [INSTANCE], "configuration": {"quantiles": ["0.025", "0.975"]}}
    (found,) = answer_json(boosted(), json.dumps(body).encode())["predictions"]
    assert list(found["quantiles"]) == ["0.025", "0.975"]


def test_a_misspelt_member_of_the_body_is_refused():
    body = {"instances": [INSTANCE], "configurations": {}}
    with pytest.raises(RequestError, match="the body may hold instances, configuration; got"):
        answer_json(Stub(), json.dumps(body).encode())


def test_lines_are_counted_with_the_blank_ones():
    good = json.dumps(INSTANCE).encode()
    answered = answer_json_lines(Stub(), b"\n" + good + b"\r\n  \r\n" + good, Configuration())
    assert len(answered.splitlines()) == 2
    assert answer_json_lines(Stub(), b" \n\n", Configuration()) == ""
    with pytest.raises(RequestError, match=r"^line 4: target is missing"):
        answer_json_lines(Stub(), good + b'\n\n\n{"start": "2024-01-01"}', Configuration())
    with pytest.raises(RequestError, match=r"^line 3 must be JSON"):
        answer_json_lines(Stub(), good + b"\n\n{", Configuration())


def status_of(body: bytes, content_type: bytes = b"application/json") -> tuple[int, dict[str, Any]]:
    """Send a request to the server in this process."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/invocations",
        "headers": [(b"content-type", content_type)],
        "query_string": b"",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(application(Stub(), {})(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(one.get("body", b"") for one in sent))


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"instances":' * 100_000, b"\xff\xfe", b"", b"NaN"]
)
def test_the_server_refuses_what_is_no_request_with_400(body):
    status, answer = status_of(body)
    assert (status, "the body must be JSON" in answer["error"]) == (400, True)


def test_a_batch_configuration_that_the_model_cannot_answer_is_refused_at_the_start():
    for text in ('{"quantiles": ["0.99"]}', "[" * 100_000, '{"num_samples": NaN}'):
        with pytest.raises(RequestError, match=r"^DEEPAR_INFERENCE_CONFIG: "):
            application(Stub(), {"DEEPAR_INFERENCE_CONFIG": text})
