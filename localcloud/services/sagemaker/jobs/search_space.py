"""Converts a tuning job's parameter ranges to Optuna distributions and an Optuna study."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import optuna

from localcloud.services.sagemaker.refusals import validation

_LOGARITHMIC_RATIO = 100  # of highest to lowest, from which "Auto" means a logarithmic scale

Distribution = optuna.distributions.BaseDistribution


def study(configuration: Mapping[str, Any], space: Mapping[str, Distribution]) -> optuna.Study:
    """Creates an empty study with the job's strategy, direction and seed.

    Raises
    ------
    AwsError
        If there are no ranges.
    """
    strategy = configuration["Strategy"]
    if not space:
        raise validation("A tuning job needs at least one parameter range.")
    seed = configuration.get("RandomSeed")
    if strategy == "Bayesian":
        sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=4, multivariate=True, warn_independent_sampling=False
        )
    elif strategy == "Random":
        sampler = optuna.samplers.RandomSampler(seed=seed)
    else:
        sampler = optuna.samplers.GridSampler(_choices(space), seed=seed)
    direction = configuration["HyperParameterTuningJobObjective"]["Type"].lower()
    return optuna.create_study(sampler=sampler, direction=direction)


def search_space(ranges: Mapping[str, Any]) -> dict[str, Distribution]:
    """Returns the distribution of each hyperparameter.

    Raises
    ------
    AwsError
        If a range is empty or not numeric.
    """
    space: dict[str, Distribution] = {}
    for one in ranges.get("IntegerParameterRanges", []):
        low, high = _bounds(one)
        space[one["Name"]] = optuna.distributions.IntDistribution(
            math.ceil(low), math.floor(high), log=_is_logarithmic(one, low, high)
        )
    for one in ranges.get("ContinuousParameterRanges", []):
        low, high = _bounds(one)
        space[one["Name"]] = optuna.distributions.FloatDistribution(
            low, high, log=_is_logarithmic(one, low, high)
        )
    for one in ranges.get("CategoricalParameterRanges", []):
        space[one["Name"]] = optuna.distributions.CategoricalDistribution(one["Values"])
    return space


def _choices(space: Mapping[str, Distribution]) -> dict[str, Any]:
    choices = {}
    for name, one in space.items():
        if not isinstance(one, optuna.distributions.CategoricalDistribution):
            raise validation(
                f"The strategy Grid accepts only categorical ranges; {name} is not categorical."
            )
        choices[name] = one.choices
    return choices


def _bounds(one: Mapping[str, Any]) -> tuple[float, float]:
    try:
        low, high = float(one["MinValue"]), float(one["MaxValue"])
    except ValueError:
        raise validation(
            f"The range of {one['Name']} must be numeric; got {one['MinValue']!r} to "
            f"{one['MaxValue']!r}."
        ) from None
    if not low < high:
        raise validation(f"The range of {one['Name']} is empty: {low} to {high}.")
    return low, high


def _is_logarithmic(one: Mapping[str, Any], low: float, high: float) -> bool:
    scaling = one.get("ScalingType", "Auto")
    if scaling == "Logarithmic" and low <= 0:
        raise validation(f"A logarithmic range must be positive; {one['Name']} starts at {low}.")
    return scaling == "Logarithmic" or (
        scaling == "Auto" and low > 0 and high / low >= _LOGARITHMIC_RATIO
    )
