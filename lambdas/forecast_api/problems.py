"""Problems specific to the forecast API."""

from __future__ import annotations

from rest_api.problems import Problem, invalid_request

from contracts.apis import problems


def origin_outside_history(detail: str) -> Problem:
    """Build the problem of an origin at which the device has no history to start from."""
    return invalid_request([{"at": "origin", "detail": detail}])


def unknown_device(device_id: str) -> Problem:
    """Build the problem of a device id without history in the lake."""
    return Problem(
        problems.UNKNOWN_DEVICE,
        f"there is no history of device {device_id!r}; GET /v1/devices lists devices with history",
    )


def no_history(device_id: str, pollutant: str, origin: str) -> Problem:
    """Build the problem of a known device without a value of the pollutant."""
    return Problem(
        problems.NO_HISTORY, f"device {device_id!r} has no value of {pollutant} before {origin}"
    )


def model_does_not_fit(reason: str) -> Problem:
    """Build the problem of a series for which the model was not trained."""
    return Problem(
        problems.MODEL_DOES_NOT_FIT,
        f"the model cannot forecast the series: {reason}; train and deploy a model on data with "
        "the device and the pollutant",
    )
