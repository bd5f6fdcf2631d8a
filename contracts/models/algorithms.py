"""Algorithms that train models, one record each.

A record holds what the estate, the command line and the local cloud need to know about an
algorithm without running it. Everything else is in the algorithm's folder and settings; see
docs/how-to/add-an-algorithm.md. The container makes the final check of its hyperparameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.models import training_metrics
from contracts.models.numbers import MOST, number_of
from contracts.names import FORECAST, Workload


@dataclass(frozen=True)
class Hyperparameter:
    """Valid values of a hyperparameter, which SageMaker passes to the container as text.

    Parameters
    ----------
    kind
        ``integer``, ``continuous`` or ``text``.
    lowest, highest
        Range of a number, both ends included.
    values
        All values of a text; empty if they are not listed here.
    """

    kind: str
    lowest: float = -math.inf
    highest: float = math.inf
    values: tuple[str, ...] = ()
    required: bool = False

    def takes(self, text: str) -> bool:
        """Returns whether a value is valid."""
        if self.kind == "text":
            return not self.values or text.casefold() in map(str.casefold, self.values)
        number = number_of(text, int if self.kind == "integer" else float)
        return number is not None and self.lowest <= number <= self.highest


@dataclass(frozen=True)
class Algorithm:
    """An algorithm and its image.

    Parameters
    ----------
    folder
        Folder of the container. Our own image is built from it; the local cloud runs it in place
        of any image, including SageMaker's.
        hyperparameters
            Hyperparameters by name; the container rejects all others.
        metrics
            Regular expressions of the metrics in a training's log, by name.
        built_in
            Repository of SageMaker's own image, without its registry; None if the image is our own.
        volume_gb
            Disk size that a training needs.
        workload
            Workload that it trains models for.
    """

    name: str
    folder: str
    hyperparameters: Mapping[str, Hyperparameter]
    metrics: Mapping[str, str] = field(default_factory=dict)
    built_in: str | None = None
    volume_gb: int = 50
    workload: Workload = FORECAST

    @property
    def metric_definitions(self) -> list[dict[str, str]]:
        """Returns ``MetricDefinitions``; SageMaker refuses them for its own algorithms."""
        if self.built_in:
            return []
        return [{"Name": name, "Regex": regex} for name, regex in self.metrics.items()]

    def specification(self, image: str) -> dict[str, Any]:
        """Returns ``AlgorithmSpecification``: a training job's image and the metrics in its log."""
        definitions = self.metric_definitions
        return {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            **({"MetricDefinitions": definitions} if definitions else {}),
        }


_BOOSTING = Algorithm(
    name="boosting",
    folder="sagemaker/containers/boosting",
    hyperparameters={
        "time_freq": Hyperparameter("text", required=True),
        "prediction_length": Hyperparameter("integer", 1, 168, required=True),
        "origin_hours": Hyperparameter("integer", 1, MOST),
        "folds": Hyperparameter("integer", 2, 20),
        "block_days": Hyperparameter("integer", 1, MOST),
        "rounds": Hyperparameter("integer", 1, 10_000),
        "learning_rate": Hyperparameter("continuous", 1e-8, 1),
        "num_leaves": Hyperparameter("integer", 2, 131_072),
        "min_data_in_leaf": Hyperparameter("integer", 1, MOST),
        "outer_num_leaves": Hyperparameter("integer", 2, 131_072),
        "outer_min_data_in_leaf": Hyperparameter("integer", 1, MOST),
        "feature_fraction": Hyperparameter("continuous", 1e-3, 1),
        "bagging_fraction": Hyperparameter("continuous", 1e-3, 1),
        "max_bin": Hyperparameter("integer", 2, 65_535),
        "seed": Hyperparameter("integer", 0, 2**31 - 1),
    },
    metrics=training_metrics.OWN_LINES,
)
_DEEPAR = Algorithm(
    name="deepar",
    folder="sagemaker/containers/deepar",
    built_in="forecasting-deepar",
    hyperparameters={
        "time_freq": Hyperparameter("text", required=True),
        "prediction_length": Hyperparameter("integer", 1, MOST, required=True),
        "context_length": Hyperparameter("integer", 1, MOST, required=True),
        "epochs": Hyperparameter("integer", 1, MOST, required=True),
        "cardinality": Hyperparameter("text"),
        "dropout_rate": Hyperparameter("continuous", 0, 1),
        "early_stopping_patience": Hyperparameter("integer", 1, MOST),
        "embedding_dimension": Hyperparameter("integer", 1, MOST),
        "learning_rate": Hyperparameter("continuous", 1e-8, 1),
        "likelihood": Hyperparameter(
            "text",
            values=("student-T", "gaussian", "negative-binomial", "beta", "deterministic-L1"),
        ),
        "mini_batch_size": Hyperparameter("integer", 1, MOST),
        "num_cells": Hyperparameter("integer", 1, MOST),
        "num_dynamic_feat": Hyperparameter("text"),
        "num_eval_samples": Hyperparameter("integer", 1, MOST),
        "num_layers": Hyperparameter("integer", 1, MOST),
        "test_quantiles": Hyperparameter("text"),
    },
    metrics=training_metrics.DEEPAR_LINES,
)

ALGORITHMS: dict[str, Algorithm] = {one.name: one for one in (_BOOSTING, _DEEPAR)}
"""Every algorithm, by name."""


def of_workload(workload: Workload) -> dict[str, Algorithm]:
    """Returns the algorithms of one workload, by name."""
    return {name: one for name, one in ALGORITHMS.items() if one.workload == workload}


def of_repository(repository: str) -> Algorithm | None:
    """Returns the algorithm of an image repository, such as ``lakecast-prod-boosting``."""
    return next(
        (
            one
            for one in ALGORITHMS.values()
            if repository == one.built_in
            or (one.built_in is None and repository.endswith(f"-{one.name}"))
        ),
        None,
    )
