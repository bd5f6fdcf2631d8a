"""Parses DeepAR's requests and builds its responses; independent of HTTP.

https://docs.aws.amazon.com/sagemaker/latest/dg/deepar-in-formats.html (JSON) and
https://docs.aws.amazon.com/sagemaker/latest/dg/deepar-batch.html (JSON Lines)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from container_runtime.errors import RequestError, SeriesError, shown

from contracts.json_text import parsed
from forecast_format.forecasts import Forecast, ForecastModel
from forecast_format.series import Series

OUTPUT_TYPES = ("mean", "quantiles", "samples")
MAX_SAMPLES = 1_000
MAX_INSTANCES = 500
"""Most instances per request: the endpoint has one process, and a larger request would block it.
Batch requests are split into parts of this size."""
MAX_QUANTILES = 999

_LEVEL = re.compile(r"(0?\.\d{1,15}|\d(\.\d{1,15})?[eE]-\d{1,2})", re.ASCII)
"""A level as text: 0.025, .5 or 2.5e-2."""


@dataclass(frozen=True)
class Configuration:
    """The requested content of a response.

    Parameters
    ----------
    num_samples
        Sample paths drawn for each instance.
    output_types
        Some of `OUTPUT_TYPES`.
    quantiles
        Levels as the caller wrote them: they are the keys of the response's lists.
    """

    num_samples: int = 100
    output_types: tuple[str, ...] = ("mean", "quantiles")
    quantiles: tuple[str, ...] = tuple(f"{level / 10:.1f}" for level in range(1, 10))

    @classmethod
    def parse(cls, document: Any) -> Configuration:
        """Read the request's ``configuration``; every field is optional.

        Raises
        ------
        RequestError
            A field is invalid; the message names it and says what was expected.
        """
        if document is None:
            return cls()
        if not isinstance(document, Mapping):
            raise RequestError(f"configuration must be an object; got {shown(document)}")
        _check_members(document, ("num_samples", "output_types", "quantiles"), "configuration")
        defaults = cls()
        return cls(
            num_samples=_num_samples(document.get("num_samples", defaults.num_samples)),
            output_types=_output_types(document.get("output_types", defaults.output_types)),
            quantiles=_quantiles(document.get("quantiles", defaults.quantiles)),
        )

    def check(self, model: ForecastModel) -> None:
        """Check that the model forecasts the quantiles.

        Raises
        ------
        RequestError
            A level is outside of the model's range.
        """
        lowest, highest = model.quantile_range
        for level in self.quantiles:
            if not lowest <= float(level) <= highest:
                raise RequestError(
                    f"a quantile of this model must be from {lowest:g} to {highest:g}; got {level}"
                )


def answer_json(model: ForecastModel, body: bytes) -> dict[str, Any]:
    """Answer an ``application/json`` request: one prediction per instance, in order.

    Raises
    ------
    RequestError
        The body violates the format; the message names the instance and the field.
    """
    document = _loads(body, "the body")
    if not isinstance(document, Mapping):
        raise RequestError(f"the body must be an object with instances; got {shown(document)}")
    _check_members(document, ("instances", "configuration"), "the body")
    instances = document.get("instances")
    if not isinstance(instances, list) or not instances:
        raise RequestError(
            f"instances must be a list of at least one object; got {shown(instances)}"
        )
    if len(instances) > MAX_INSTANCES:
        raise RequestError(
            f"at most {MAX_INSTANCES} instances are answered at once; got {len(instances)}: "
            "send them in several requests"
        )
    configuration = Configuration.parse(document.get("configuration"))
    configuration.check(model)
    places = [(f"instances[{number}]", one) for number, one in enumerate(instances)]
    return {"predictions": _predictions(model, places, configuration)}


def answer_json_lines(model: ForecastModel, body: bytes, configuration: Configuration) -> str:
    """Answer an ``application/jsonlines`` request: one line per instance, with its prediction.

    A batch job may put any number of lines into a request; the model gets at most `MAX_INSTANCES`
    at a time. A blank line is no instance, and gets no prediction.

    Raises
    ------
    RequestError
        The body violates the format; the message names the line, counted from 1 with the blank
        ones, and the field.
    """
    lines = [
        (f"line {number}", line)
        for number, line in enumerate(body.splitlines(), start=1)
        if line.strip()
    ]
    if not body:
        raise RequestError("the body must hold one instance per line; it is empty")
    places = [(place, _loads(line, place)) for place, line in lines]
    predictions = (
        prediction
        for first in range(0, len(places), MAX_INSTANCES)
        for prediction in _predictions(model, places[first : first + MAX_INSTANCES], configuration)
    )
    return "".join(json.dumps(prediction, allow_nan=False) + "\n" for prediction in predictions)


Place = tuple[str, Any]
"""The place of an instance in the request, for error messages, and the instance."""


def _predictions(
    model: ForecastModel, places: Sequence[Place], configuration: Configuration
) -> list[dict[str, Any]]:
    series = [_series(model, place, instance) for place, instance in places]
    forecasts = model.forecast(series, configuration.num_samples)
    return [_prediction(forecast, configuration) for forecast in forecasts]


def _series(model: ForecastModel, place: str, instance: Any) -> Series:
    try:
        series = Series.parse(instance, model.frequency)
        model.check(series)
    except SeriesError as error:
        raise RequestError(f"{place}: {error}") from None
    return series


def _prediction(forecast: Forecast, configuration: Configuration) -> dict[str, Any]:
    """Build the response's entry for one instance."""
    prediction: dict[str, Any] = {}
    if "mean" in configuration.output_types:
        prediction["mean"] = forecast.mean().tolist()
    if "quantiles" in configuration.output_types:
        values = forecast.quantiles([float(level) for level in configuration.quantiles])
        prediction["quantiles"] = {
            name: row.tolist() for name, row in zip(configuration.quantiles, values, strict=True)
        }
    if "samples" in configuration.output_types:
        prediction["samples"] = forecast.samples().tolist()
    return prediction


def _loads(text: bytes, where: str) -> Any:
    try:
        return parsed(text)
    except ValueError as error:
        raise RequestError(f"{where} must be JSON: {error}") from None


def _check_members(document: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise an error for a member that would have no effect, such as a misspelt one."""
    for name in document:
        if name not in known:
            raise RequestError(f"{where} may hold {', '.join(known)}; got {shown(name)}")


def _num_samples(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_SAMPLES:
        raise RequestError(
            f"num_samples must be an integer from 1 to {MAX_SAMPLES}; got {shown(value)}"
        )
    return value


def _output_types(value: Any) -> tuple[str, ...]:
    if (
        not isinstance(value, list | tuple)
        or not value
        or not all(isinstance(name, str) and name in OUTPUT_TYPES for name in value)
    ):
        raise RequestError(
            f"output_types must be a list of some of {', '.join(OUTPUT_TYPES)}; got {shown(value)}"
        )
    return tuple(value)


def _quantiles(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_QUANTILES:
        raise RequestError(
            f'quantiles must be a list of 1 to {MAX_QUANTILES} levels such as ["0.1", "0.9"]; got '
            f"{shown(value)}"
        )
    for level in value:
        if not _is_level(level):
            raise RequestError(
                f"a quantile must be between 0 and 1, neither included; got {shown(level)}"
            )
    return tuple(str(level) for level in value)


def _is_level(value: Any) -> bool:
    if isinstance(value, str):
        return _LEVEL.fullmatch(value) is not None and 0 < float(value) < 1
    return isinstance(value, float) and 0 < value < 1
