"""What a tuning job searches: ranges, objective and limits of each algorithm, out of one file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts import toml_table
from contracts.models.algorithms import ALGORITHMS, Algorithm
from contracts.models.requests.tuning import Limits, Range
from contracts.toml_table import TableError
from forecasting.errors import ForecastingError

FILE = Path(__file__).resolve().parents[3] / "tuning.toml"

GOALS = ("Minimize", "Maximize")
EARLY_STOPPING = ("Off", "Auto")
SCALING = ("Auto", "Linear", "Logarithmic", "ReverseLogarithmic")
LEAST_WITHOUT_PROGRESS = 3  # SageMaker's
MOST_RANGES = 30  # SageMaker's


@dataclass(frozen=True)
class Holdout:
    """How many days the objective is measured on."""

    origins: int


@dataclass(frozen=True)
class Search(Limits):
    """Limits, where to search, and on how many held-out days to measure."""

    origins: int
    ranges: Mapping[str, Range]


def read(
    algorithm: str, path: Path = FILE, jobs: int | None = None, parallel: int | None = None
) -> Search:
    """The settings of an algorithm.

    Parameters
    ----------
    jobs, parallel
        Taken instead of the file's where given.

    Raises
    ------
    ForecastingError
        Names the file and the setting that is missing, unknown or makes no sense.
    """
    given = {"jobs": jobs, "parallel": parallel}
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        table = {**_table(document, algorithm)}
        ranges = _table(table, "ranges", f"{algorithm}.")
        del table["ranges"]
        table |= {name: value for name, value in given.items() if value is not None}
        limits = vars(toml_table.read(Limits, table, algorithm))
        if parallel is None:
            limits["parallel"] = min(limits["parallel"], limits["jobs"])
        search = Search(
            **limits,
            origins=toml_table.read(Holdout, document.get("holdout", {}), "holdout").origins,
            ranges={name: _range(name, ranges) for name in ranges},
        )
        _check(search)
        _check_ranges(search.ranges, ALGORITHMS[algorithm])
    except FileNotFoundError:
        raise ForecastingError(f"no settings of tuning at {path}") from None
    except (tomllib.TOMLDecodeError, toml_table.TableError) as error:
        raise ForecastingError(f"{path}: {error}") from None
    return search


def _table(document: Mapping[str, Any], name: str, prefix: str = "") -> dict[str, Any]:
    table = document.get(name)
    if not isinstance(table, dict):
        raise TableError(f"the table [{prefix}{name}] is missing")
    return table


def _range(name: str, ranges: Mapping[str, Any]) -> Range:
    table = {**_table(ranges, name, "ranges.")}
    scaling = table.pop("scaling", "Auto")
    (kind, values), *further = list(table.items()) or [("", None)]
    rules = {
        "integer": lambda: _ascending(values, int),
        "continuous": lambda: _ascending(values, int, float),
        "categorical": lambda: len({*values}) == len(values) > 0,
    }
    if kind not in rules or further:
        raise TableError(
            f"the range of {name} must have one of {', '.join(rules)}; got {', '.join(table)}"
        )
    if scaling not in SCALING:
        raise TableError(
            f"the scaling of {name} must be one of {', '.join(SCALING)}; got {scaling!r}"
        )
    if not isinstance(values, list) or not rules[kind]():
        expected = {
            "integer": "two whole numbers, the lower first",
            "continuous": "two numbers, the lower first",
            "categorical": "a list of values, each once",
        }
        raise TableError(f"the range of {name} must be {expected[kind]}; got {values!r}")
    if scaling == "Logarithmic" and values[0] <= 0:
        raise TableError(f"the range of {name} must be above 0 for its scaling; got {values!r}")
    return Range(kind, tuple(str(one) for one in values), scaling)


def _ascending(values: list[Any], *types: type) -> bool:
    return len(values) == 2 and all(type(one) in types for one in values) and values[0] < values[1]


def _check(search: Search) -> None:
    rules: list[tuple[bool, str, object, str]] = [
        (search.origins >= 1, "holdout.origins", search.origins, "at least 1"),
        (search.goal in GOALS, "goal", search.goal, f"one of {', '.join(GOALS)}"),
        (search.early_stopping in EARLY_STOPPING, "early_stopping", search.early_stopping,
         f"one of {', '.join(EARLY_STOPPING)}"),
        (search.jobs >= 1, "jobs", search.jobs, "at least 1"),
        (1 <= search.parallel <= search.jobs, "parallel", search.parallel,
         f"1 to {search.jobs}, the number of jobs"),
        (search.without_progress == 0 or search.without_progress >= LEAST_WITHOUT_PROGRESS,
         "without_progress", search.without_progress, f"0, or {LEAST_WITHOUT_PROGRESS} or more"),
        (1 <= len(search.ranges) <= MOST_RANGES, "ranges", len(search.ranges),
         f"1 to {MOST_RANGES} of them"),
    ]  # fmt: skip
    for holds, name, value, expected in rules:
        if not holds:
            raise TableError(f"{name} must be {expected}; got {value!r}")


def _check_ranges(ranges: Mapping[str, Range], algorithm: Algorithm) -> None:
    """Refuse what the algorithm would refuse, trial after trial."""
    known = algorithm.hyperparameters
    for name, one in ranges.items():
        if name not in known:
            raise TableError(
                f"{name} is no hyperparameter of {algorithm.name}; known are {', '.join(known)}"
            )
        for value in one.values:
            if not known[name].takes(value):
                raise TableError(
                    f"the range of {name} must have values that {algorithm.name} takes; "
                    f"got {value!r}"
                )
