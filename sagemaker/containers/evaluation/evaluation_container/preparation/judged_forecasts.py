"""What models are judged on: which series they forecast from when, what came, and the baselines.

``origins`` writes it, ``judge`` reads it. A transform job is given a folder of lines for each
model, and answers line by line, so the order of the lines is all that tells whose an answer is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from container_runtime.errors import DataError

from contracts.models.forecast_input import HORIZON, QUANTILES
from evaluation_container.scoring.metrics import Floats
from evaluation_container.scoring.scores import BANDS, Truth

CANDIDATE, CHAMPION = "candidate", "champion"
INSTANCES = "instances.jsonl"
LEVELS = tuple(
    sorted({*QUANTILES, *(str(bound) for bounds in BANDS.values() for bound in bounds)}, key=float)
)
"""Quantiles that models are asked for: what is published, and the bounds of the bands."""
_PLAN, _ARRAYS = "plan.json", "judged.npz"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """What was asked, and what came.

    Parameters
    ----------
    truth
        Series by device and pollutant; its levels are `LEVELS`.
    baselines
        By name, shape (series, origins, hours, levels).
    asked
        By model, shape (series, origins): whether it is given a line. The champion knows no more
        series than the candidate.
    package
        The champion's ARN; empty without one.
    champion_data_end
        Hour up to which the champion has learned, which its forecasts may not be judged before.
    """

    truth: Truth
    baselines: Mapping[str, Floats]
    asked: Mapping[str, Mask]
    package: str
    champion_data_end: datetime | None

    def places(self, model: str) -> list[tuple[int, int]]:
        """Series and origin of each line."""
        return [(int(s), int(o)) for s, o in np.argwhere(self.asked[model])]

    def write(self, folder: Path) -> None:
        """Leave all of it in a folder."""
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
        (folder / _PLAN).write_text(json.dumps(plan), encoding="utf-8")
        arrays: dict[str, Any] = {
            "actual": truth.actual.astype(np.float32),
            "before": truth.before.astype(np.float32),
            "scales": truth.scales,
            **{f"asked_{model}": mask for model, mask in self.asked.items()},
            **{
                f"baseline_{number}": told.astype(np.float32)
                for number, told in enumerate(self.baselines.values())
            },
        }
        np.savez_compressed(folder / _ARRAYS, **arrays)

    @classmethod
    def read(cls, folder: Path) -> Judged:
        """Read what `write` left."""
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
            asked = {model: arrays[f"asked_{model}"] for model in (CANDIDATE, CHAMPION)}
        end = plan["champion_data_end"]
        return cls(
            truth,
            baselines,
            asked,
            plan["package"],
            datetime.fromisoformat(end) if end else None,
        )

    def answers(self, model: str, folder: Path) -> Floats:
        """A model's forecasts, shape (series, origins, hours, levels); NaN where it was not asked.

        Raises
        ------
        DataError
            An answer is missing, has other quantiles or hours, or holds what is no number.
        """
        shape = (*self.asked[model].shape, HORIZON, len(LEVELS))
        told = np.full(shape, np.nan)
        places, lines = self.places(model), 0
        for lines, answer in enumerate(_answers(folder / f"{INSTANCES}.out"), start=1):
            if lines <= len(places):
                told[places[lines - 1]] = _quantiles(answer, f"the {model}'s answer {lines}")
        if lines != len(places):
            raise DataError(f"the {model} was asked {len(places)} times and answered {lines} times")
        return told


def _answers(path: Path) -> Iterator[Mapping[str, Mapping[str, list[float]]]]:
    try:
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.strip())
    except (OSError, ValueError) as error:
        raise DataError(f"{path.parent.name}/{path.name} holds no answers: {error}") from None


def _quantiles(answer: Mapping[str, Mapping[str, list[float]]], where: str) -> Floats:
    try:
        rows = np.array([answer["quantiles"][level] for level in LEVELS], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{where}: expected quantiles {', '.join(LEVELS)}; {error!r}") from None
    if rows.shape != (len(LEVELS), HORIZON) or not np.isfinite(rows).all():
        raise DataError(f"{where}: expected {HORIZON} numbers for each quantile; got {rows.shape}")
    return rows.T
