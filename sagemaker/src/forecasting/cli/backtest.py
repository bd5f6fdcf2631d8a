"""Implements ``backtest``: forecasts in files, a table of metrics per model, and an HTML report."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from errno import EISDIR
from pathlib import Path

import boto3
from evaluation_container.pages.forecast_report import Report
from evaluation_container.scoring.metrics import Floats
from evaluation_container.scoring.scores import Score, losses_by_lead, scores, scores_by_hour
from rich.console import Console

from contracts.names import Names
from forecasting.backtest import contest, lake_history, rolling_origin, station_files
from forecasting.backtest import report as backtest_report
from forecasting.backtest.forecasters.base import Contestant
from forecasting.backtest.history import History
from forecasting.backtest.rolling_origin import Plan
from forecasting.cli.backtest_options import Options
from forecasting.cli.progress_bars import Bars
from forecasting.cli.tables import print_whole
from forecasting.errors import ForecastingError
from forecasting.lake import hourly_series

RECORDED = Plan(datetime(2016, 9, 1), datetime(2017, 2, 28))  # noqa: DTZ001  (local time)
"""Default plan for recorded stations that it covers (Beijing's); others use their last days."""

PERFECT_FORESIGHT = (
    "The model was shown the recorded weather of the hours that it forecasts. That is perfect "
    "foresight: a bound on what a weather forecast could bring, not a forecast."
)


def run(options: Options, console: Console) -> None:
    """Backtests a model and baselines, writes the forecasts and the report, prints the metrics.

    Raises
    ------
    ForecastingError
        The data, the plan, a model or an output file is not usable.
    """
    asked = options.contestants()
    options.check_days()
    for name, path in (("OUT", options.out), ("REPORT", options.page)):
        _check_writable(name, path)
    started = time.monotonic()
    history, plan, notes = _read(options, console)
    rolling_origin.check(history, plan)
    truth = rolling_origin.truth(history, plan)
    with Bars(console, [_label(one, options) for one in asked]) as bars:
        outcomes = contest.run(
            asked,
            history,
            plan,
            options.jobs,
            lambda one, share: bars.report(_label(one, options), share),
        )
    found = {one: told for one, told in outcomes.items() if not isinstance(told, Exception)}
    by_name: dict[str, list[Mapping[str, Score]]] = {}
    by_hour: dict[str, list[Mapping[int, Score]]] = {}
    by_lead: dict[str, list[Mapping[str, Floats]]] = {}
    for one, told in found.items():
        by_name.setdefault(one.name, []).append(scores(truth, told))
        by_hour.setdefault(one.name, []).append(scores_by_hour(truth, told))
        by_lead.setdefault(one.name, []).append(losses_by_lead(truth, told))
    mine = [one for one in found if one.name == asked[0].name]
    files = [
        rolling_origin.write(_file(options, one), rolling_origin.table(truth, found[one]))
        for one in mine
    ]
    facts = [*_facts(history, plan, options), *notes]
    facts += [f"{one.name} is left out: {why}" for one, why in outcomes.items() if one not in found]
    verdict = [
        *backtest_report.verdict(by_name),
        *backtest_report.hour_verdict(by_hour),
        *backtest_report.lead_verdict(by_lead),
    ]
    report = Report(
        title=f"24-hour forecasts of {mine[0].name} against the baselines",
        facts=facts,
        verdict=verdict,
        truth=truth,
        forecasts={one.name: told for one, told in found.items() if one not in mine[1:]},
        warning=PERFECT_FORESIGHT if options.weather_known else "",
        seeds=dict(zip((one.seed for one in mine), by_name[mine[0].name], strict=True)),
    )
    options.page.write_text(report.html(), encoding="utf-8")
    for line in facts:
        console.print(line, soft_wrap=True)
    print_whole(backtest_report.score_table(by_name), console)
    print_whole(backtest_report.hour_table(by_hour), console)
    print_whole(backtest_report.lead_table(by_lead), console)
    for line in [*verdict, *([PERFECT_FORESIGHT] if options.weather_known else [])]:
        console.print(line, soft_wrap=True)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    console.print(f"forecasts {', '.join(map(str, files))}", soft_wrap=True)
    console.print(f"report {options.page}, after {minutes} min {seconds} s", soft_wrap=True)


def _read(options: Options, console: Console) -> tuple[History, Plan, list[str]]:
    """Returns the data, the plan, and a line about everything that was left out of files."""
    if options.data is None:
        session = boto3.Session()
        with console.status("reading the hourly series"):
            known = lake_history.history(
                hourly_series.read(session, Names.from_aws(session, options.environment))
            )
        return known, _plan(options, lambda: _last_days(known, options)), []
    notes: list[str] = []
    with Bars(console, ["stations"]) as bars:
        known = station_files.read(
            options.data,
            lambda share: bars.report("stations", share),
            columns=options.columns,
            tell=notes.append,
        )
    covered = known.start < RECORDED.train_end and RECORDED.origins()[-1] < known.end
    default = (lambda: RECORDED) if covered else lambda: _last_days(known, options)
    return known, _plan(options, default), notes


def _last_days(known: History, options: Options) -> Plan:
    return lake_history.last_days(known, options.origin_hours)


def _plan(options: Options, default: Callable[[], Plan]) -> Plan:
    train_end, test_end = options.train_end, options.test_end
    if train_end is None or test_end is None:
        usual = default()
        train_end, test_end = train_end or usual.train_end, test_end or usual.test_end
    return Plan(train_end, test_end, options.origin_step, options.origin_hours)


def _facts(history: History, plan: Plan, options: Options) -> list[str]:
    origins = plan.origins()
    begin = max(plan.train_start, history.start)
    hours = ", ".join(f"{hour:02}:00" for hour in plan.origin_hours)
    facts = [
        f"{len(history.stations)} stations, {len(origins)} origins {origins[0]:%Y-%m-%d} to "
        f"{origins[-1]:%Y-%m-%d} at {hours} {history.clock}, trained on {begin:%Y-%m-%d} to "
        f"{plan.train_end:%Y-%m-%d}"
    ]
    if len(options.seeds) > 1:
        facts.append(
            f"{options.model} was trained from seeds {', '.join(map(str, options.seeds))}: in the "
            "terminal's table its figures are means; pictures and the page's table are of "
            f"seed {options.seeds[0]}"
        )
    return facts


def _label(one: Contestant, options: Options) -> str:
    """Returns the label of a contestant's progress bar."""
    is_one_of_many = one.model == options.model and len(options.seeds) > 1
    return f"{one.name}, seed {one.seed}" if is_one_of_many else one.name


def _file(options: Options, one: Contestant) -> Path:
    if one.seed == options.seeds[0]:
        return options.out
    return options.out.with_stem(f"{options.out.stem}-seed-{one.seed}")


def _check_writable(name: str, path: Path) -> None:
    """Checks that a file is writable, before hours of work rather than after."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ForecastingError(f"{name} {path} cannot be written: {error.strerror}") from None
