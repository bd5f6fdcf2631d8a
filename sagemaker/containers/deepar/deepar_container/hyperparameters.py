"""DeepAR's hyperparameters: names, defaults and ranges of SageMaker's built-in algorithm.

https://docs.aws.amazon.com/sagemaker/latest/dg/deepar_hyperparameters.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from container_runtime import parameters

from contracts.json_text import parsed
from contracts.models.numbers import MOST

LIKELIHOODS = ("student-T", "gaussian", "negative-binomial", "beta", "deterministic-L1")

AUTO = "auto"
"""Value that takes the cardinality, or the number of dynamic features, from the data."""

IGNORED = "ignored"
"""Value that leaves these features out even if the data have them."""


@dataclass(frozen=True)
class Hyperparameters:
    """Validated hyperparameters of one training.

    Parameters
    ----------
    time_freq
        Step of every series: ``M``, ``W``, ``D``, ``H`` or ``min``, after an optional multiple.
    context_length, prediction_length
        Number of steps that the network reads before a forecast, and that it forecasts.
    epochs
        Maximum number of passes over the training data.
    cardinality
        Number of values of each category; `AUTO` or `IGNORED`.
    num_dynamic_feat
        Number of dynamic features; `AUTO` or `IGNORED`.
    early_stopping_patience
        Epochs without progress after which training stops; None disables early stopping.
    test_quantiles
        Levels of the losses on the test channel.
    """

    time_freq: str
    context_length: int
    prediction_length: int
    epochs: int
    cardinality: str | tuple[int, ...] = AUTO
    dropout_rate: float = 0.1
    early_stopping_patience: int | None = None
    embedding_dimension: int = 10
    learning_rate: float = 1e-3
    likelihood: str = "student-T"
    mini_batch_size: int = 128
    num_cells: int = 40
    num_dynamic_feat: str | int = AUTO
    num_eval_samples: int = 100
    num_layers: int = 2
    test_quantiles: tuple[float, ...] = tuple(level / 10 for level in range(1, 10))

    @property
    def frequency(self) -> str:
        """``time_freq`` in pandas' notation."""
        return parameters.pandas_frequency(self.time_freq)

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which `from_json` builds the same hyperparameters."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Hyperparameters:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in document.items()
        }
        return cls(**values)

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Hyperparameters:
        """Read the strings of ``hyperparameters.json``.

        Raises
        ------
        HyperparameterError
            A hyperparameter is missing, unknown or out of range; the message names all of them.
        """
        values = parameters.parse(
            given,
            _PARSERS,
            algorithm="DeepAR",
            required=_REQUIRED,
            may_be_empty=_EMPTY_MEANS_IGNORED,
        )
        return cls(**values)


def _likelihood(text: str) -> str:
    """Parse a likelihood in any case: SageMaker documents student-T, and logs student-t."""
    for likelihood in LIKELIHOODS:
        if text.lower() == likelihood.lower():
            return likelihood
    raise ValueError(f"one of {', '.join(LIKELIHOODS)}")


def _cardinality(text: str) -> str | tuple[int, ...]:
    if text == AUTO:
        return AUTO
    if text in ("", "ignore", "ignored"):
        return IGNORED
    expected = "auto, ignore, an empty string or a list of positive integers such as [6, 5]"
    sizes = _json_list(text, expected)
    whole = all(isinstance(size, int) and not isinstance(size, bool) for size in sizes)
    if not whole or not all(0 < size <= MOST for size in sizes):
        raise ValueError(expected)
    return tuple(sizes)


def _dynamic_features(text: str) -> str | int:
    if text == AUTO:
        return AUTO
    if text in ("", "ignore", "ignored"):
        return IGNORED
    try:
        count: int = parameters.integer(1)(text)
    except ValueError:
        raise ValueError("auto, ignored, an empty string or a positive integer") from None
    return count


def _quantiles(text: str) -> tuple[float, ...]:
    expected = "a list of levels between 0 and 1 such as [0.1, 0.5, 0.9]"
    levels = _json_list(text, expected)
    if not all(isinstance(level, float) and 0 < level < 1 for level in levels):
        raise ValueError(expected)
    return tuple(sorted(set(levels)))


def _json_list(text: str, expected: str) -> list[Any]:
    try:
        values = parsed(text.encode())
    except ValueError:
        values = None
    if not isinstance(values, list) or not values:
        raise ValueError(expected)
    return values


_PARSERS: dict[str, Callable[[str], Any]] = {
    "time_freq": parameters.frequency,
    "context_length": parameters.integer(1),
    "prediction_length": parameters.integer(1),
    "epochs": parameters.integer(1),
    "cardinality": _cardinality,
    "dropout_rate": parameters.number(0, 1, "a number from 0 to below 1"),
    "early_stopping_patience": parameters.integer(1),
    "embedding_dimension": parameters.integer(1),
    "learning_rate": parameters.number(1e-8, 1, "a number above 0 and below 1"),
    "likelihood": _likelihood,
    "mini_batch_size": parameters.integer(1),
    "num_cells": parameters.integer(1),
    "num_dynamic_feat": _dynamic_features,
    "num_eval_samples": parameters.integer(1),
    "num_layers": parameters.integer(1),
    "test_quantiles": _quantiles,
}
_EMPTY_MEANS_IGNORED = ("cardinality", "num_dynamic_feat")
_REQUIRED = tuple(f.name for f in fields(Hyperparameters) if f.default is MISSING)
