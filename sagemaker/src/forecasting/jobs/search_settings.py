"""Reads a tuning job's ranges, objective and limits from a file with a table per algorithm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from contracts.models.algorithms import ALGORITHMS, Algorithm
from contracts.models.requests.tuning import RANGE_MEMBERS, Limits, Range
from contracts.settings.layers import Layers, SettingsError
from contracts.settings.rules import Table, must, unexpected
from forecasting.errors import ForecastingError

FILE = Path(__file__).resolve().parents[3] / "tuning.toml"

LEAST_WITHOUT_PROGRESS = 3  # SageMaker's minimum
MOST_RANGES = 30  # SageMaker's maximum


@dataclass(frozen=True)
class Search(Limits):
    """Limits and ranges of a search, and the number of held-out days for its objective."""

    origins: int
    ranges: Mapping[str, Range]


def read(
    algorithm: str, path: Path = FILE, jobs: int | None = None, parallel: int | None = None
) -> Search:
    """Reads the settings of an algorithm.

    Parameters
    ----------
    jobs, parallel
        Values that replace those of the file, if given.

    Raises
    ------
    ForecastingError
        Settings are missing, unknown or invalid; the message names the file and each of them.
    """
    given = {"jobs": jobs, "parallel": parallel}
    options = {name: value for name, value in given.items() if value is not None}
    try:
        layers = Layers.read(path)
        if options:
            layers = layers.over({algorithm: options}, "the command line")
        table = layers.validate(_Algorithm, (algorithm,))
        holdout = layers.validate(_Holdout, ("holdout",))
    except SettingsError as error:
        raise ForecastingError(str(error)) from None
    if parallel is not None and parallel > table.jobs:
        raise ForecastingError(
            f"{algorithm}.parallel must be 1 to {table.jobs}, the number of jobs; got {parallel}"
        )
    ranges = {name: one.range for name, one in table.ranges.items()}
    faults = [*_faults(ranges, ALGORITHMS[algorithm])]
    if faults:
        lines = (f"{path}: {algorithm}.ranges.{fault}" for fault in faults)
        raise ForecastingError("\n".join(lines))
    return Search(
        objective=table.objective,
        goal=table.goal,
        jobs=table.jobs,
        parallel=min(table.parallel, table.jobs),
        without_progress=table.without_progress,
        early_stopping=table.early_stopping,
        origins=holdout.origins,
        ranges=ranges,
    )


def _faults(ranges: Mapping[str, Range], algorithm: Algorithm) -> Iterator[str]:
    """Yields faults of ranges that the algorithm would reject in every trial."""
    known = algorithm.hyperparameters
    for name, one in ranges.items():
        if name not in known:
            yield f"{name} is no hyperparameter of {algorithm.name}; known are {', '.join(known)}"
        elif not all(known[name].takes(value) for value in one.values):
            refused = next(value for value in one.values if not known[name].takes(value))
            yield f"{name} must have values that {algorithm.name} takes; got {refused!r}"


def _ascending(values: Any, *types: type) -> bool:
    return (
        isinstance(values, list)
        and len(values) == 2
        and all(type(one) in types for one in values)
        and bool(values[0] < values[1])
    )


def _distinct(values: Any) -> bool:
    return isinstance(values, list) and len({*map(str, values)}) == len(values) > 0


class _Range(Table):
    """A range in the file: its values, keyed by kind, and their scaling."""

    integer: Annotated[
        Any, must("two whole numbers, the lower first", lambda pair: _ascending(pair, int))
    ] = None
    continuous: Annotated[
        Any, must("two numbers, the lower first", lambda pair: _ascending(pair, int, float))
    ] = None
    categorical: Annotated[Any, must("a list of values, each once", _distinct)] = None
    scaling: Literal["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"] = "Auto"

    @model_validator(mode="after")
    def _has_one_kind(self) -> Self:
        kinds = [kind for kind in RANGE_MEMBERS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise unexpected(f"one of {', '.join(RANGE_MEMBERS)}", ", ".join(kinds) or "none")
        numbers = self.integer or self.continuous
        if numbers and self.scaling == "Logarithmic" and numbers[0] <= 0:
            raise unexpected("above 0 for its scaling", numbers, kinds[0])
        return self

    @property
    def range(self) -> Range:
        kind = next(kind for kind in RANGE_MEMBERS if getattr(self, kind) is not None)
        return Range(kind, tuple(str(one) for one in getattr(self, kind)), self.scaling)


class _Holdout(Table):
    """Held-out days on which the objective is measured."""

    origins: int = Field(ge=1)


class _Algorithm(Table):
    """The table of one algorithm: the search of its hyperparameters."""

    objective: str
    goal: Literal["Minimize", "Maximize"]
    jobs: int = Field(ge=1)
    parallel: int = Field(ge=1)
    without_progress: Annotated[
        int,
        must(
            f"0, or {LEAST_WITHOUT_PROGRESS} or more",
            lambda jobs: jobs == 0 or jobs >= LEAST_WITHOUT_PROGRESS,
        ),
    ]
    early_stopping: Literal["Off", "Auto"]
    ranges: Annotated[
        dict[str, _Range],
        must(f"1 to {MOST_RANGES} ranges", lambda ranges: 1 <= len(ranges) <= MOST_RANGES),
    ]
