"""The command group ``lakecast models``."""

from __future__ import annotations

from cyclopts import App

VERBS = {
    "train": ("training:train", "Train a model on the lake's channels."),
    "retrain": ("training:retrain", "Make a new version and let the gate judge it."),
    "tune": ("training:tune", "Search for better hyperparameters."),
    "images": ("training:images", "Build our own images and push them (needs Docker)."),
    "experiments": ("experiments:experiments", "Mirror what jobs did to MLflow."),
    "list": ("releases:list_versions", "List versions of the model, and which one serves."),
    "approve": ("releases:approve", "Approve a version, which deploys it."),
    "reject": ("releases:reject", "Reject a version; the live one is rolled back."),
    "deploy": ("releases:deploy", "Put one or several models behind the endpoint."),
    "forecast": ("forecasts:forecast", "Ask the API for one forecast."),
    "evaluate": ("forecasts:evaluate", "Compare forecasts of past days with what was observed."),
    "forecast-batch": ("nightly:forecast_batch", "Forecast every series into the lake."),
    "monitor": ("nightly:monitor", "Compare the last week with what is usual for the model."),
    "backtest": ("backtest:backtest", "Compare forecasts of past months with baselines."),
}

app = App(
    name="models",
    help="Models: train, judge, release, ask and monitor them.",
    version_flags=(),
)
for _verb, (_path, _about) in VERBS.items():
    app.command(f"forecasting.cli.verbs.{_path}", name=_verb, help=_about)
