"""``python -m forecasting COMMAND``: what the Makefile calls to train, judge, deploy and ask."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from contracts.messages.telemetry import POLLUTANTS
from contracts.models.algorithms import ALGORITHMS
from contracts.names import Names
from forecasting.api.client import ForecastRequest
from forecasting.cli import backtest_options, commands, nightly, registry
from forecasting.cli import experiments as experiments_command
from forecasting.cli import monitor as monitoring
from forecasting.cli import retrain as retrain_command
from forecasting.cli import tune as tune_command
from forecasting.errors import ForecastingError
from forecasting.jobs import image_builds
from forecasting.releases.deployment import DEFAULT_VARIANT, Variant
from forecasting.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 with one line on stderr where it fails for a foreseeable reason."""
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        if options.command == "backtest":
            _backtest(options, console)
        else:
            session = boto3.Session()
            _run(options, session, Names.from_aws(session), console)
    except (ForecastingError, BotoCoreError, ClientError) as error:
        print(f"forecasting {options.command}: {_one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"forecasting {options.command}: interrupted", file=sys.stderr)
        return 130
    return 0


def _run(
    options: argparse.Namespace, session: boto3.Session, names: Names, console: Console
) -> None:
    if options.command == "train":
        settings = Settings.read(options.settings)
        commands.train(session, names, settings, options.model, console)
    elif options.command == "images":
        image_builds.run(session, names, console)
    elif options.command == "retrain":
        retrain_command.run(options, session, names, console)
    elif options.command == "tune":
        tune_command.run(options, session, names, Settings.read(options.settings), console)
    elif options.command == "experiments":
        experiments_command.run(options, session, names, Settings.read(options.settings), console)
    elif options.command == "forecast-batch":
        nightly.run(session, names, console)
    elif options.command == "monitor":
        monitoring.run(session, names, options.output, console)
    elif options.command in registry.COMMANDS:
        registry.run(options, session, names, console)
    elif options.command == "deploy":
        variants = [Variant.parse(text) for text in options.variant]
        if options.job:
            variants.append(Variant(DEFAULT_VARIANT, options.job))
        commands.deploy(session, names, Settings.read(options.settings), variants, console)
    elif options.command == "forecast":
        request = ForecastRequest(
            options.device,
            options.pollutant or POLLUTANTS[0],
            options.origin,
            options.horizon,
            tuple(options.quantiles.split(",")),
        )
        commands.forecast(session, names, request, console)
    else:
        commands.evaluate(
            session,
            names,
            options.output,
            console,
            origin=options.origin,
            shown=(options.device, options.pollutant or "particulate_matter"),
        )


def _backtest(options: argparse.Namespace, console: Console) -> None:
    from forecasting.cli import backtest  # noqa: PLC0415  (pandas, 1 s)

    backtest.run(backtest_options.read(options), console)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m forecasting", description="Train, deploy, ask and judge the model."
    )
    commands_ = parser.add_subparsers(dest="command", required=True)

    train = commands_.add_parser("train", help="train a model on the lake's channels")
    tune = commands_.add_parser("tune", help="search for better hyperparameters")
    for command in (train, tune):
        command.add_argument("--model", choices=ALGORITHMS, help="algorithm (default: settings')")
    tune_command.add_options(tune)
    commands_.add_parser("images", help="build our own images and push them (needs Docker)")
    retrain = commands_.add_parser("retrain", help="make a new version and let the gate judge it")
    retrain_command.add_options(retrain)
    experiments = commands_.add_parser("experiments", help="keep what jobs did in MLflow")
    experiments_command.add_options(experiments)
    deploy = commands_.add_parser("deploy", help="put a model behind the endpoint")
    for command in (train, tune, experiments, deploy):
        command.add_argument(
            "--settings",
            type=Path,
            required=True,
            help="the environment's file, such as infra/environments/local.toml",
        )
    chosen = deploy.add_mutually_exclusive_group()
    chosen.add_argument("--job", help="training job to deploy (default: the newest completed)")
    chosen.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="NAME=MODEL:WEIGHT",
        help="a production variant; MODEL is a training job, an algorithm (its newest job) or a "
        "version such as v3; may be given several times",
    )
    registry.add_to(commands_)

    forecast = commands_.add_parser("forecast", help="ask the API for one forecast")
    forecast.add_argument("--horizon", type=int, default=24, help="hours, 1 to 24")
    forecast.add_argument("--quantiles", default=",".join(commands.SHOWN_QUANTILES))
    commands_.add_parser("forecast-batch", help="forecast every series into the lake")
    monitor = commands_.add_parser("monitor", help="the last week beside what is usual")
    monitor.add_argument("--output", type=Path, required=True, help="folder for drift.html")
    evaluate = commands_.add_parser("evaluate", help="forecasts of a past day beside what came")
    evaluate.add_argument(
        "--output", type=Path, required=True, help="folder for forecast.png and summary.json"
    )
    for command in (forecast, evaluate):
        command.add_argument("--device", default="", help="device id")
        command.add_argument("--pollutant", default="", help=f"one of {', '.join(POLLUTANTS)}")
        command.add_argument(
            "--origin", type=_hour, help="first hour of the forecast, such as 2024-05-01T00:00Z"
        )
    backtest_options.add(
        commands_.add_parser("backtest", help="forecasts of past months, judged beside rivals")
    )
    return parser


def _hour(text: str) -> datetime:
    try:
        hour = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected an hour such as 2024-05-01T00:00Z; got {text!r}"
        ) from None
    hour = hour.replace(tzinfo=UTC) if hour.tzinfo is None else hour.astimezone(UTC)
    if (hour.minute, hour.second, hour.microsecond) != (0, 0, 0):
        raise argparse.ArgumentTypeError(f"expected a full hour; got {text!r}")
    return hour


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
