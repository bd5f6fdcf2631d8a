"""Errors that the caller of the algorithm can fix."""

from __future__ import annotations

import reprlib
from typing import Any


class CustomerError(ValueError):
    """Invalid input. The message gives the expected and the received value."""


class HyperparameterError(CustomerError):
    """A hyperparameter is missing, unknown or out of its range."""


class SeriesError(CustomerError):
    """One series violates DeepAR's input format, or does not fit the model."""


class DataError(CustomerError):
    """A channel or one of its series violates DeepAR's input format."""


class RequestError(CustomerError):
    """The body of an invocation violates DeepAR's request format."""


def shown(value: Any) -> str:
    """Return a value from outside for an error message: short, whatever its size and depth are."""
    return reprlib.repr(value)[:60]
