"""A trained model: its artefact, and the forecast made from it.

The artefact is two files, ``model.json`` (settings) and ``weights.pt`` (tensors only), so loading
one runs no code from it.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from container_runtime.errors import SeriesError
from forecast_format.forecasts import SampledForecast
from forecast_format.series import Series
from gluonts.torch.model.deepar import DeepARModel

from deepar_container.hyperparameters import IGNORED, Hyperparameters
from deepar_container.likelihoods import check_target
from deepar_container.network import FeatureShape, network
from deepar_container.sampling import sample_paths
from deepar_container.windows import forecast_windows

SETTINGS_FILE = "model.json"
WEIGHTS_FILE = "weights.pt"
FORMAT = 2
"""Version of the artefact's format; raise it when older readers cannot read the artefact."""

DAMAGE = (
    OSError, EOFError, KeyError, TypeError, AttributeError, RuntimeError,
    json.JSONDecodeError, pickle.UnpicklingError,
)  # fmt: skip
"""Errors from reading a file that is truncated or has unexpected content."""

SERIES_AT_ONCE = 32
"""Series per pass through the network: bounds the memory, and hardly affects the forecasts."""

SAMPLING_SEED = 1
"""Seed of the samples in each call, so that the same request gives the same response."""


@dataclass(frozen=True)
class ModelSettings:
    """All of a model except its weights.

    Parameters
    ----------
    is_nonnegative
        Whether all training values were at least zero; forecasts are then clipped at zero.
    levels
        Mean training value by category, for series without an observed value in their context.
    level
        Mean training value of all series.
    """

    hyperparameters: Hyperparameters
    features: FeatureShape
    is_nonnegative: bool
    levels: Mapping[tuple[int, ...], float]
    level: float

    def network(self) -> DeepARModel:
        """Build an untrained network of this shape."""
        return network(self.hyperparameters, self.features, is_nonnegative=self.is_nonnegative)

    def check(self, series: Series, *, steps_ahead: int) -> None:
        """Check that a series has the model's features, and values of the model's kind.

        Parameters
        ----------
        steps_ahead
            As in `FeatureShape.check`.

        Raises
        ------
        SeriesError
            The series lacks a feature or has one that the model does not use, or the likelihood
            has no such values.
        """
        self.features.check(series, steps_ahead=steps_ahead)
        check_target(self.hyperparameters.likelihood, series)
        for field, given, known, setting in (
            (
                "cat",
                series.cat,
                self.features.cardinality,
                self.hyperparameters.cardinality,
            ),
            (
                "dynamic_feat",
                series.dynamic_feat,
                self.features.dynamic_scales,
                self.hyperparameters.num_dynamic_feat,
            ),
        ):
            if len(given) and not known and setting != IGNORED:
                raise SeriesError(f"{field} must be absent: the model was trained without it")

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "hyperparameters": self.hyperparameters.to_json(),
            "features": asdict(self.features),
            "is_nonnegative": self.is_nonnegative,
            "levels": [{"cat": cat, "level": level} for cat, level in self.levels.items()],
            "level": self.level,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ModelSettings:
        if document.get("format") != FORMAT:
            raise ValueError(
                f"{SETTINGS_FILE}: expected format {FORMAT}, got {document.get('format')!r}; "
                "the model was written by another version of the container"
            )
        return cls(
            hyperparameters=Hyperparameters.from_json(document["hyperparameters"]),
            features=FeatureShape(
                tuple(document["features"]["cardinality"]),
                tuple(map(tuple, document["features"]["dynamic_scales"])),
            ),
            is_nonnegative=document["is_nonnegative"],
            levels={tuple(item["cat"]): item["level"] for item in document["levels"]},
            level=document["level"],
        )


class DeepAR:
    """Trained networks with their settings; each draws its share of the sample paths.

    Parameters
    ----------
    settings
        Hyperparameters, and properties of the training data.
    weights
        State of each network.
    """

    def __init__(
        self, settings: ModelSettings, weights: Sequence[Mapping[str, torch.Tensor]]
    ) -> None:
        self.settings = settings
        self._networks = [settings.network().eval() for _ in weights]
        for built, state in zip(self._networks, weights, strict=True):
            built.load_state_dict(state)

    @classmethod
    def load(cls, folder: Path) -> DeepAR:
        """Read an artefact.

        Raises
        ------
        FileNotFoundError, ValueError
            The folder holds no model, or one that this version cannot read.
        """
        try:
            document = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
            settings = ModelSettings.from_json(document)
            weights = torch.load(folder / WEIGHTS_FILE, map_location="cpu", weights_only=True)
            return cls(settings, weights)
        except FileNotFoundError:
            raise
        except DAMAGE as error:
            raise ValueError(
                "the model is damaged, or was written by another version of the container: "
                + str(error).partition("\n")[0]
            ) from error

    def save(self, folder: Path) -> None:
        """Write the artefact into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        torch.save([one.state_dict() for one in self._networks], folder / WEIGHTS_FILE)
        (folder / SETTINGS_FILE).write_text(
            json.dumps(self.settings.to_json(), indent=2, allow_nan=False), encoding="utf-8"
        )

    @property
    def prediction_length(self) -> int:
        return self.settings.hyperparameters.prediction_length

    @property
    def frequency(self) -> str:
        return self.settings.hyperparameters.frequency

    @property
    def quantile_range(self) -> tuple[float, float]:
        """Any quantile of the sample paths."""
        return 0.0, 1.0

    def check(self, series: Series) -> None:
        self.settings.check(series, steps_ahead=self.prediction_length)

    def forecast(self, series: Sequence[Series], num_samples: int) -> list[SampledForecast]:
        return [SampledForecast(paths) for paths in self.sample(series, num_samples)]

    def sample(self, series: Sequence[Series], num_samples: int) -> npt.NDArray[np.float32]:
        """Draw paths, shape (series, num_samples, prediction_length), in the targets' units.

        Dynamic features must cover the forecast steps (`FeatureShape.check`).
        """
        observed = [self._with_observed_context(one) for one in series]
        torch.manual_seed(SAMPLING_SEED)
        with torch.inference_mode():
            samples = [
                self._paths(observed[first : first + SERIES_AT_ONCE], num_samples)
                for first in range(0, len(series), SERIES_AT_ONCE)
            ]
        return np.concatenate(samples)

    def _paths(self, series: Sequence[Series], num_samples: int) -> npt.NDArray[np.float32]:
        window = forecast_windows(self._networks[0], self.settings.features, series)
        # if the paths do not divide evenly, the first networks draw one more
        shares = [
            len(range(first, num_samples, len(self._networks)))
            for first in range(len(self._networks))
        ]
        paths = [
            sample_paths(one, window, share)
            for one, share in zip(self._networks, shares, strict=True)
            if share
        ]
        return torch.cat(paths, dim=1).numpy()

    def _with_observed_context(self, series: Series) -> Series:
        """Fill a context without any observed value with the series' usual level.

        Without an observed value there is no scale, and GluonTS would use that of the other series
        in the batch. The level is the series' own mean if it has an older value, else the training
        mean of its category, else that of all series.
        """
        context = self.settings.hyperparameters.context_length
        if np.isfinite(series.target[-context:]).any():
            return series
        level = (
            float(np.nanmean(series.target))
            if series.is_observed
            else self.settings.levels.get(series.cat, self.settings.level)
        )
        lacking = max(0, context - len(series.target))
        target = np.concatenate([np.full(lacking, np.nan, np.float32), series.target])
        target[-context:] = level
        dynamic = series.dynamic_feat
        if dynamic.size and lacking:
            dynamic = np.concatenate([np.repeat(dynamic[:, :1], lacking, axis=1), dynamic], axis=1)
        return replace(series, start=series.start - lacking, target=target, dynamic_feat=dynamic)
