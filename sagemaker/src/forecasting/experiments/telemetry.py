"""Switches MLflow's telemetry off; imported before MLflow, which looks once, at its import."""

from __future__ import annotations

import os

WITHOUT_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
"""MLflow reports to its makers how it is used, unless its environment has these."""

os.environ.update(WITHOUT_TELEMETRY)
