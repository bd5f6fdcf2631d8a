"""Problems that only the forecast API has."""

from __future__ import annotations

from rest_api.problems import Problem, invalid_request

from contracts.apis import problems


def origin_outside_history(detail: str) -> Problem:
    """A forecast is asked for hours at which the device has no history to start from."""
    return invalid_request([{"at": "origin", "detail": detail}])


def unknown_device(device_id: str) -> Problem:
    """No history lies in the lake under that id."""
    return Problem(
        problems.UNKNOWN_DEVICE,
        f"there is no history of device {device_id!r}; GET /v1/devices lists those that have one",
    )


def no_history(device_id: str, pollutant: str, origin: str) -> Problem:
    """The device is known, but has no value of that pollutant."""
    return Problem(
        problems.NO_HISTORY, f"device {device_id!r} has no value of {pollutant} before {origin}"
    )


def model_does_not_fit(reason: str) -> Problem:
    """The model was not trained for the series."""
    return Problem(
        problems.MODEL_DOES_NOT_FIT,
        f"the model cannot forecast the series: {reason}; train and deploy a model on data that "
        "has the device and the pollutant",
    )
