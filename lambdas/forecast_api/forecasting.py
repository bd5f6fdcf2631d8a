"""Requests forecasts from the SageMaker endpoint in DeepAR's request and response format.

https://docs.aws.amazon.com/sagemaker/latest/dg/deepar-in-formats.html
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError
from rest_api.problems import unavailable

from contracts.models.forecast_input import HORIZON, configuration, instance
from forecast_api.history import Series
from forecast_api.problems import model_does_not_fit

DECIMALS = 3
"""Decimals of sent values, to one ng/m³, which keep the largest batch below SageMaker's 6 MB."""

_TRANSIENT = frozenset(
    {
        "InternalDependencyException",
        "InternalFailure",
        "InternalServerException",
        "ModelNotReadyException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ThrottlingException",
    }
)

SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})
"""States in which an endpoint answers; during an update, its former configuration answers."""


@dataclass(frozen=True)
class Prediction:
    """The model's forecast of one series: values in µg/m³, one per hour."""

    quantiles: dict[str, tuple[float, ...]]
    mean: tuple[float, ...]


@dataclass(frozen=True)
class Answer:
    """Predictions in the order of the series, and the variant that answered.

    Parameters
    ----------
    variant
        Production variant that answered.
    seconds
        Response time of the endpoint, measured by the caller.
    """

    predictions: tuple[Prediction, ...]
    variant: str
    seconds: float


class Forecaster(Protocol):
    """Forecasts from series."""

    endpoint: str

    def predict(
        self, series: Sequence[Series], quantiles: Sequence[str], request_id: str
    ) -> Answer:
        """Forecast `HORIZON` hours of each series.

        Raises
        ------
        Problem
            409 if the model was not trained for a series, 503 if the endpoint cannot answer.
        """

    def status(self) -> str:
        """Return SageMaker's status of the endpoint.

        Raises
        ------
        Problem
            503 if the endpoint does not exist, or SageMaker does not respond.
        """


class UnreadableAnswerError(Exception):
    """The endpoint's response does not have DeepAR's format."""


def deepar_request(series: Sequence[Series], quantiles: Sequence[str]) -> bytes:
    """Return the body of one invocation for all series; gaps are "NaN", as in DeepAR's format."""
    instances = [
        instance(
            one.start,
            _rounded(one.target),
            one.cat,
            related={name: _rounded(values) for name, values in one.related.items()},
        )
        for one in series
    ]
    document = {"instances": instances, "configuration": configuration(quantiles)}
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def _rounded(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else round(value, DECIMALS) for value in values]


def deepar_predictions(body: bytes, count: int, quantiles: Sequence[str]) -> tuple[Prediction, ...]:
    """Read the response to an invocation with ``count`` series.

    Raises
    ------
    UnreadableAnswerError
        A prediction, a quantile or an hour is missing, or a value is not finite.
    """
    try:
        predictions = json.loads(body)["predictions"]
        if len(predictions) != count:
            raise UnreadableAnswerError(f"expected {count} predictions; got {len(predictions)}")
        return tuple(
            Prediction(
                {level: _values(one["quantiles"][level]) for level in quantiles},
                _values(one["mean"]),
            )
            for one in predictions
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableAnswerError(
            f"the response has a missing or invalid member: {error}"
        ) from error


def _values(values: Sequence[Any]) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values[:HORIZON])
    if len(numbers) < HORIZON or not all(math.isfinite(number) for number in numbers):
        raise ValueError(
            f"expected {HORIZON} finite values per output; got {len(numbers)}: {numbers}"
        )
    return numbers


class SageMakerForecaster:
    """Forecasts from a SageMaker endpoint.

    Parameters
    ----------
    runtime
        Boto3 client of ``sagemaker-runtime``.
    sagemaker
        Boto3 client of ``sagemaker``.
    endpoint
        Name of the endpoint.
    """

    def __init__(self, runtime: Any, sagemaker: Any, endpoint: str) -> None:
        self._runtime = runtime
        self._sagemaker = sagemaker
        self.endpoint = endpoint

    def predict(
        self, series: Sequence[Series], quantiles: Sequence[str], request_id: str
    ) -> Answer:
        """Forecast all series in one invocation."""
        started = time.perf_counter()
        try:
            response = self._runtime.invoke_endpoint(
                EndpointName=self.endpoint,
                ContentType="application/json",
                Accept="application/json",
                # Joins captured data with later observations.
                InferenceId=request_id,
                Body=deepar_request(series, quantiles),
            )
            body = response["Body"].read()
        except ClientError as error:
            raise self._refusal(error) from error
        except (AwsConnectionError, HTTPClientError) as error:
            raise unavailable(f"endpoint {self.endpoint} did not answer in time") from error
        seconds = time.perf_counter() - started
        predictions = deepar_predictions(body, len(series), quantiles)
        return Answer(predictions, response.get("InvokedProductionVariant", ""), seconds)

    def status(self) -> str:
        """Return the endpoint's status from DescribeEndpoint."""
        try:
            described = self._sagemaker.describe_endpoint(EndpointName=self.endpoint)
        except ClientError as error:
            raise self._refusal(error) from error
        except (AwsConnectionError, HTTPClientError) as error:
            raise unavailable("SageMaker did not answer in time") from error
        return str(described["EndpointStatus"])

    def _refusal(self, error: ClientError) -> Exception:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code == "ModelError":
            status = int(error.response.get("OriginalStatusCode", 500))
            reason = str(error.response.get("OriginalMessage", message))[:200]
            if 400 <= status < 500:
                return model_does_not_fit(reason)
            return unavailable(f"the model on endpoint {self.endpoint} failed")
        if code in _TRANSIENT:
            return unavailable(f"endpoint {self.endpoint} is busy ({code})")
        # SageMaker has the same code for a missing endpoint and for a malformed call.
        if code in ("ValidationError", "ValidationException") and _says_missing(message):
            return unavailable(f"endpoint {self.endpoint} does not exist; deploy a model first")
        fault: Exception = error
        return fault


def _says_missing(message: str) -> bool:
    return any(part in message.lower() for part in ("not found", "could not find"))
