"""The command ``backtest``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, Token
from rich.console import Console

from forecasting.backtest.forecasters.by_name import BASELINES, CHAMPION
from forecasting.backtest.rolling_origin import ORIGIN_HOURS
from forecasting.cli import backtest as work
from forecasting.cli.backtest_options import Options
from forecasting.cli.options import STATE, Count, Environment, State


def _day(_: object, tokens: Sequence[Token]) -> datetime:
    text = tokens[0].value
    try:
        return datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007  (local time, as in the files)
    except ValueError:
        raise ValueError(f"expected a day such as 2016-09-01; got {text!r}") from None


def _parts(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(",")) if part]


def _names(_: object, tokens: Sequence[Token]) -> tuple[str, ...]:
    return tuple(name for token in tokens for name in _parts(token.value))


def _numbers(tokens: Sequence[Token], expected: str) -> tuple[int, ...]:
    text = ",".join(token.value for token in tokens)
    try:
        numbers = tuple(dict.fromkeys(int(name) for name in _parts(text)))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 0:
        raise ValueError(f"expected {expected}; got {text!r}")
    return numbers


def _seeds(_: object, tokens: Sequence[Token]) -> tuple[int, ...]:
    return _numbers(tokens, "seeds such as 1,2,3")


def _hours(_: object, tokens: Sequence[Token]) -> tuple[int, ...]:
    return tuple(sorted(_numbers(tokens, "hours of the day such as 0,12")))


Day = Annotated[datetime, Parameter(converter=_day)]
Models = Annotated[tuple[str, ...], Parameter(converter=_names, show_default=",".join(BASELINES))]
Hours = Annotated[
    tuple[int, ...],
    Parameter(converter=_hours, n_tokens=1, show_default=",".join(map(str, ORIGIN_HOURS))),
]
Seeds = Annotated[
    tuple[int, ...],
    Parameter(converter=_seeds, alias="--seed", n_tokens=1, show_default="1"),
]


def backtest(
    *,
    data: Annotated[Path | None, Parameter(show_env_var=False)] = None,
    columns: str | None = None,
    train_end: Day | None = None,
    test_end: Day | None = None,
    origin_step: int = 1,
    origin_hours: Hours = ORIGIN_HOURS,
    model: str = CHAMPION,
    baselines: Models = tuple(BASELINES),
    seeds: Seeds = (1,),
    weather: Literal["unknown", "known"] = "unknown",
    jobs: Count | None = None,
    out: Path | None = None,
    report: Path | None = None,
    env: Environment = "local",
    state: State = STATE,
) -> None:
    """Compare forecasts of past months with baselines.

    Parameters
    ----------
    data
        Folder of CSV files of stations; default: the lake's series.
    columns
        Column map of the files, or a TOML file; default: recognised by their columns.
    train_end
        First day after the training data, such as 2016-09-01.
    test_end
        First day after the last origin.
    origin_step
        Days from one day with origins to the next.
    origin_hours
        Hours of the day to forecast from, separated by commas.
    model
        Model to compare with the baselines.
    baselines
        Baselines, separated by commas.
    seeds
        Seeds of the model, separated by commas; baselines use the first one.
    weather
        ``known`` gives the model the recorded weather of the forecast hours, as perfect foresight.
    jobs
        Number of models in parallel; default: the number of cores.
    out
        Parquet file for the forecasts; default: STATE/backtest.parquet.
    report
        HTML file for the report; default: in the folder of the forecasts.
    """
    out = out or state / "backtest.parquet"
    options = Options(
        data=data,
        columns=columns,
        train_end=train_end,
        test_end=test_end,
        origin_step=origin_step,
        origin_hours=origin_hours,
        out=out,
        model=model,
        baselines=baselines,
        seeds=seeds,
        weather_known=weather == "known",
        jobs=jobs or os.cpu_count() or 1,
        page=report or out.with_suffix(".html"),
        environment=env,
    )
    work.run(options, Console())
