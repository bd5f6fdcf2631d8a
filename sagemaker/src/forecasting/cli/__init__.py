"""The command group ``lakecast models``."""

from __future__ import annotations

from cyclopts import App

VERBS = {
    "train": ("training:train", "Train a model on the lake's channels."),
    "retrain": ("training:retrain", "Train a new version and let the gate judge it."),
    "tune": ("training:tune", "Search for better hyperparameters."),
    "images": ("training:images", "Build the estate's own images and push them (needs Docker)."),
    "experiments": ("experiments:experiments", "Mirror all jobs to MLflow."),
    "list": ("releases:list_versions", "List versions of the model, and which one serves."),
    "approve": ("releases:approve", "Approve a version, which deploys it."),
    "reject": ("releases:reject", "Reject a version, and roll back if it is live."),
    "deploy": ("releases:deploy", "Deploy one or several models to the endpoint."),
    "forecast": ("forecasts:forecast", "Get a forecast from the API."),
    "evaluate": ("forecasts:evaluate", "Compare forecasts of past days with the observed values."),
    "forecast-batch": ("nightly:forecast_batch", "Forecast every series into the lake."),
    "monitor": ("nightly:monitor", "Compare the last week with the reference of the model."),
    "backtest": ("backtest:backtest", "Compare forecasts of past months with baselines."),
}

app = App(
    name="models",
    help="Train, judge, release, query and monitor models.",
    version_flags=(),
)
for _verb, (_path, _about) in VERBS.items():
    app.command(f"forecasting.cli.verbs.{_path}", name=_verb, help=_about)
