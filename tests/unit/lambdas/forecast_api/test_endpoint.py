"""Tests the exchange with the SageMaker endpoint: DeepAR's JSON and the meaning of each refusal.

The SageMaker client is botocore's own, with a stub that checks requests and responses against the
service model.
"""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import boto3
import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from forecast_api.forecasting import (
    SageMakerForecaster,
    UnreadableAnswerError,
    deepar_predictions,
    deepar_request,
)
from forecast_api.history import Series, series_before_origin
from forecast_api.requests import ForecastRequest
from rest_api.problems import Problem

from contracts.messages.telemetry import POLLUTANTS
from contracts.models.forecast_input import QUANTILES, RECENT_HOURS, RELATED_HOURS, RecentHistory
from tests.support.api.contract import MAX_BATCH

START = datetime(2017, 2, 1, tzinfo=UTC)
LARGEST_INVOCATION = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/general/latest/gr/sagemaker.html"""
SERIES = Series(
    START,
    (1.0, None, 3.5),
    (4, 2),
    datetime(2017, 2, 1, 3, tzinfo=UTC),
    {"area": (None, 2.0), "pollutant-0": (0.12345,)},
)


def prediction(**changes):
    return {"mean": [1.0] * 24, "quantiles": {"0.5": [1.5] * 24}} | changes


def answered(*predictions):
    return json.dumps({"predictions": predictions}).encode()


class StubbedSageMaker:
    """Forecaster whose clients return the responses that a test prepares."""

    def __init__(self):
        def client(service):
            return boto3.client(
                service,
                region_name="eu-west-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )

        runtime, control = client("sagemaker-runtime"), client("sagemaker")
        self.runtime, self.control = Stubber(runtime), Stubber(control)
        self.runtime.activate()
        self.control.activate()
        self.forecaster = SageMakerForecaster(runtime, control, "lakecast-local-forecast")

    def refuses(self, code, message="", **members):
        self.runtime.add_client_error("invoke_endpoint", code, message, modeled_fields=members)

    def predict(self):
        return self.forecaster.predict([SERIES], ["0.5"], "request-1")


@pytest.fixture
def sagemaker(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return StubbedSageMaker()


def test_a_request_has_deepars_format():
    assert json.loads(deepar_request([SERIES], ["0.1", "0.9"])) == {
        "instances": [
            {
                "start": "2017-02-01 00:00:00",
                "target": [1.0, "NaN", 3.5],
                "cat": [4, 2],
                "related": {"area": ["NaN", 2.0], "pollutant-0": [0.123]},
            }
        ],
        "configuration": {
            "num_samples": 100,
            "output_types": ["mean", "quantiles"],
            "quantiles": ["0.1", "0.9"],
        },
    }


def test_the_largest_batch_is_one_invocation_of_an_endpoint():
    """Uses the maximum number of series, each of maximum length and with long numbers."""
    known = len(POLLUTANTS)
    history = RecentHistory(
        "station-1",
        "2017-01-01 00:00:00",
        {name: [1234.5678901234567] * RECENT_HOURS for name in POLLUTANTS},
        {name: [10_000, number] for number, name in enumerate(POLLUTANTS)},
        {name: [1234.5678901234567] * RECENT_HOURS for name in POLLUTANTS},
    )
    one = series_before_origin(history, ForecastRequest("station-1", "ozone", 24, QUANTILES))
    assert len(one.target) == RECENT_HOURS
    assert [len(values) for values in one.related.values()] == [RELATED_HOURS] * known
    assert len(deepar_request([one] * MAX_BATCH, QUANTILES)) < LARGEST_INVOCATION


def test_the_answer_names_the_variant_that_gave_it(sagemaker):
    body = answered(prediction())
    sagemaker.runtime.add_response(
        "invoke_endpoint",
        {
            "Body": StreamingBody(io.BytesIO(body), len(body)),
            "InvokedProductionVariant": "challenger",
        },
        {
            "EndpointName": "lakecast-local-forecast",
            "ContentType": "application/json",
            "Accept": "application/json",
            "InferenceId": "request-1",
            "Body": ANY,
        },
    )
    answer = sagemaker.predict()
    assert answer.variant == "challenger"
    assert answer.predictions[0].quantiles == {"0.5": (1.5,) * 24}
    assert answer.predictions[0].mean == (1.0,) * 24


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        answered(),
        answered(prediction(), prediction()),
        answered(prediction(quantiles={})),
        answered({"quantiles": {"0.5": [1.0] * 24}}),
        answered(prediction(mean=[1.0] * 23)),
        answered(prediction(mean=[float("nan")] * 24)),
        answered(prediction(mean=["a"] * 24)),
    ],
)
def test_a_response_without_deepars_format_is_refused(body):
    with pytest.raises(UnreadableAnswerError):
        deepar_predictions(body, 1, ["0.5"])


@pytest.mark.parametrize(
    "code",
    ["ThrottlingException", "ServiceUnavailable", "ModelNotReadyException", "InternalFailure"],
)
def test_a_busy_endpoint_is_503(sagemaker, code):
    sagemaker.refuses(code)
    with pytest.raises(Problem) as refused:
        sagemaker.predict()
    assert refused.value.status == 503
    assert refused.value.retry_after is not None


def test_a_missing_endpoint_is_503_and_says_to_deploy(sagemaker):
    sagemaker.refuses(
        "ValidationError", "Endpoint lakecast-local-forecast of account 000000000000 not found."
    )
    with pytest.raises(Problem, match="deploy") as refused:
        sagemaker.predict()
    assert refused.value.status == 503


def test_a_series_that_the_container_refuses_is_409_with_its_reason(sagemaker):
    sagemaker.refuses(
        "ModelError", OriginalStatusCode=400, OriginalMessage="cat[0]=4 was not seen in training"
    )
    with pytest.raises(Problem, match="not seen in training") as refused:
        sagemaker.predict()
    assert refused.value.status == 409


def test_a_container_that_fails_is_503(sagemaker):
    sagemaker.refuses("ModelError", OriginalStatusCode=500, OriginalMessage="Traceback …")
    with pytest.raises(Problem) as refused:
        sagemaker.predict()
    assert refused.value.status == 503
    assert "Traceback" not in refused.value.detail


def test_a_missing_permission_is_a_fault_not_a_busy_endpoint(sagemaker):
    sagemaker.refuses("AccessDeniedException", "not authorized")
    with pytest.raises(sagemaker.runtime.client.exceptions.ClientError):
        sagemaker.predict()


def test_an_endpoint_that_does_not_listen_is_503():
    runtime = boto3.client(
        "sagemaker-runtime",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        endpoint_url="http://127.0.0.1:1",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(Problem) as refused:
        SageMakerForecaster(runtime, None, "e").predict([SERIES], ["0.5"], "request-1")
    assert refused.value.status == 503


def test_the_state_of_the_endpoint_is_sagemakers_status(sagemaker):
    sagemaker.control.add_response(
        "describe_endpoint",
        {
            "EndpointName": "lakecast-local-forecast",
            "EndpointArn": "arn:aws:sagemaker:eu-west-1:000000000000:endpoint/e",
            "EndpointStatus": "Creating",
            "CreationTime": START,
            "LastModifiedTime": START,
        },
        {"EndpointName": "lakecast-local-forecast"},
    )
    assert sagemaker.forecaster.status() == "Creating"


def test_the_state_of_a_missing_endpoint_is_503(sagemaker):
    sagemaker.control.add_client_error(
        "describe_endpoint", "ValidationException", "Could not find endpoint “e”."
    )
    with pytest.raises(Problem) as refused:
        sagemaker.forecaster.status()
    assert refused.value.status == 503
