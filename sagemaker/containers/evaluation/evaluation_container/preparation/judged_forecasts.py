"""The data that models are judged on: series, origins, observed values and baselines.

``origins`` writes them, ``judge`` reads them. A transform job gets one folder of lines per model
and writes one result per line, so only the order of the lines identifies a result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from container_runtime.errors import DataError
from forecast_format import transform_output

from contracts.models.forecast_input import HORIZON, JUDGED_QUANTILES
from evaluation_container.scoring.metrics import Floats
from evaluation_container.scoring.scores import Truth

CANDIDATE, CHAMPION = "candidate", "champion"
INSTANCES = "instances.jsonl"
LEVELS = JUDGED_QUANTILES
_PLAN, _ARRAYS = "plan.json", "judged.npz"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """Requested forecasts and observed values.

    Parameters
    ----------
    truth
        Series by device and pollutant; its levels are `LEVELS`.
    baselines
        Forecasts of the baselines by name, shape (series, origins, hours, levels).
    requested
        By model, whether it gets a line, shape (series, origins). The champion's series are a
        subset of the candidate's.
    package
        The champion's ARN; empty without one.
    champion_data_end
        End of the champion's training data; its forecasts before it are not judged.
    """

    truth: Truth
    baselines: Mapping[str, Floats]
    requested: Mapping[str, Mask]
    package: str
    champion_data_end: datetime | None

    def places(self, model: str) -> list[tuple[int, int]]:
        """Return the series and origin index of each line."""
        return [(int(s), int(o)) for s, o in np.argwhere(self.requested[model])]

    def write(self, folder: Path) -> None:
        """Write everything to a folder."""
        truth = self.truth
        end = self.champion_data_end
        plan = {
            "devices": list(truth.stations),
            "pollutants": list(truth.pollutants),
            "origins": [origin.isoformat() for origin in truth.origins],
            "package": self.package,
            "champion_data_end": end.isoformat() if end else "",
            "baselines": list(self.baselines),
        }
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _PLAN).write_text(json.dumps(plan, allow_nan=False), encoding="utf-8")
        arrays: dict[str, Any] = {
            "actual": truth.actual.astype(np.float32),
            "before": truth.before.astype(np.float32),
            "scales": truth.scales,
            **{f"requested_{model}": mask for model, mask in self.requested.items()},
            **{
                f"baseline_{number}": values.astype(np.float32)
                for number, values in enumerate(self.baselines.values())
            },
        }
        np.savez_compressed(folder / _ARRAYS, **arrays)

    @classmethod
    def read(cls, folder: Path) -> Judged:
        """Read a folder that `write` has written."""
        plan = json.loads((folder / _PLAN).read_text(encoding="utf-8"))
        with np.load(folder / _ARRAYS) as arrays:
            truth = Truth(
                stations=plan["devices"],
                pollutants=plan["pollutants"],
                origins=[datetime.fromisoformat(text) for text in plan["origins"]],
                actual=arrays["actual"].astype(np.float64),
                before=arrays["before"].astype(np.float64),
                scales=arrays["scales"],
                levels=np.array([float(level) for level in LEVELS]),
            )
            baselines = {
                name: arrays[f"baseline_{number}"].astype(np.float64)
                for number, name in enumerate(plan["baselines"])
            }
            requested = {model: arrays[f"requested_{model}"] for model in (CANDIDATE, CHAMPION)}
        end = plan["champion_data_end"]
        return cls(
            truth,
            baselines,
            requested,
            plan["package"],
            datetime.fromisoformat(end) if end else None,
        )

    def answers(self, model: str, folder: Path) -> Floats:
        """Read a model's forecasts, shape (series, origins, hours, levels); NaN if not requested.

        Raises
        ------
        DataError
            A result is missing, has other quantiles or hours, or a value that is not finite.
        """
        shape = (*self.requested[model].shape, HORIZON, len(LEVELS))
        forecasts = np.full(shape, np.nan)
        places, lines = self.places(model), 0
        output = folder / f"{INSTANCES}.out"
        found = transform_output.answers(output, f"{output.parent.name}/{output.name}")
        for lines, answer in enumerate(found, start=1):
            if lines <= len(places):
                forecasts[places[lines - 1]] = _quantiles(answer, f"{model}, result {lines}")
        if lines != len(places):
            raise DataError(f"{model}: expected {len(places)} results; got {lines}")
        return forecasts


def _quantiles(answer: Mapping[str, Mapping[str, list[float]]], where: str) -> Floats:
    try:
        rows = np.array([answer["quantiles"][level] for level in LEVELS], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{where}: expected quantiles {', '.join(LEVELS)}; {error!r}") from None
    if rows.shape != (len(LEVELS), HORIZON) or not np.isfinite(rows).all():
        raise DataError(f"{where}: expected {HORIZON} numbers for each quantile; got {rows.shape}")
    return rows.T
