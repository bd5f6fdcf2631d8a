"""Implements the commands ``train`` and ``deploy``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from contracts.names import Names
from contracts.settings.schema import Settings
from forecasting.jobs import training
from forecasting.releases import deployment
from forecasting.releases.deployment import Variant

OUTCOME = ("train:final_loss", "test:mean_wQuantileLoss")
"""Metrics that summarise a training."""


def train(
    session: Any,
    names: Names,
    settings: Settings,
    algorithm: str | None,
    console: Console,
    *,
    job: str | None = None,
) -> None:
    """Runs a training job until it ends; the algorithm defaults to that of the settings.

    Parameters
    ----------
    job
        A job started earlier to wait for; no new one is started.
    """
    algorithm = algorithm or settings.of(names.workload).training.algorithm
    name = job or training.start(session, names, settings, algorithm, datetime.now(UTC))
    console.print(f"training job {name}")
    with console.status("Starting") as status:
        state = training.wait(session, name, lambda now: status.update(_progress(now)))
    figures = [
        f"{metric} {state.metrics[metric]:.4f}" for metric in OUTCOME if metric in state.metrics
    ]
    console.print(f"{name} completed: {', '.join(figures) or 'no metrics'}", soft_wrap=True)
    console.print("next: make deploy")


def deploy(
    session: Any,
    names: Names,
    settings: Settings,
    variants: Sequence[Variant],
    console: Console,
) -> None:
    """Deploys models to the endpoint; the newest one if no variant is given."""
    chosen = list(variants) or [
        Variant(deployment.DEFAULT_VARIANT, training.latest_completed(session, names))
    ]
    with console.status(f"endpoint {names.endpoint}") as status:
        done = deployment.deploy(
            session,
            names,
            settings,
            chosen,
            report=lambda state: status.update(f"endpoint {names.endpoint}: {state}"),
        )
    verb = "already serves" if done.was_there else "serves"
    served = ", ".join(
        f"{one.name} ({one.model}, weight {one.weight:g})" for one in done.release.variants
    )
    console.print(f"endpoint {names.endpoint} {verb} {served}", soft_wrap=True)
    console.print("next: make forecast DEVICE=… POLLUTANT=ozone")


def _progress(state: training.TrainingState) -> str:
    parts = [state.job, state.status if state.status in training.FINAL else state.phase]
    if "train:progress" in state.metrics:
        parts.append(f"{state.metrics['train:progress']:.0f} % of epochs")
    if "train:loss" in state.metrics:
        parts.append(f"loss {state.metrics['train:loss']:.3f}")
    return " · ".join(part for part in parts if part)
