"""Errors that the caller of the algorithm can mend."""

from __future__ import annotations


class CustomerError(ValueError):
    """Input that the algorithm refuses. The message says what was expected and what came."""


class HyperparameterError(CustomerError):
    """A hyperparameter is missing, unknown or out of its range."""


class SeriesError(CustomerError):
    """One series breaks DeepAR's input format, or does not fit the model."""


class DataError(CustomerError):
    """A channel or one of its series breaks DeepAR's input format."""


class RequestError(CustomerError):
    """An invocation's body breaks DeepAR's request format."""
