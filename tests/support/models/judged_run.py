"""One run of the commands ``origins`` and ``judge`` on four synthetic series."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from evaluation_container.commands import COMMANDS
from evaluation_container.preparation.judged_forecasts import LEVELS

from contracts.models.forecast_input import CategoryIndex

START = pd.Timestamp("2026-01-01 05:00:00")
HOURS = 40 * 24
ORIGINS = 6
INDEX = CategoryIndex.of(["harbour", "hill"], ["ozone", "nitrogen_dioxide"])
PACKAGE = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/lakecast-local-forecast/3"
LIMITS = (
    *("--most-loss-over-champion", "0.02"),
    *("--least-coverage-80", "0.6"),
    *("--most-coverage-80", "0.95"),
)


def level(hours: np.ndarray) -> np.ndarray:
    return 20 + 10 * np.sin(2 * np.pi * hours / 24)


def values(seed: int) -> np.ndarray:
    return level(np.arange(HOURS)) * (1 + seed) + np.random.default_rng(seed).normal(0, 4, HOURS)


@dataclass
class Run:
    """The folders of one run.

    Parameters
    ----------
    stuck
        The value of every hour of a pollutant, by the pollutant's category.
    """

    folder: Path
    stuck: Mapping[int, float] = field(default_factory=dict)

    def prepare(
        self, *more: str, late_from: int = 0, champion: CategoryIndex = INDEX
    ) -> dict[str, Any]:
        """Run ``origins`` on four series; the last one's first hours are missing."""
        series = self.folder / "series"
        series.mkdir()
        with (series / "part-0.json").open("w") as lines:
            for device in range(2):
                for pollutant in range(2):
                    target = self._values(device, pollutant)
                    if (device, pollutant) == (1, 1):
                        target[:late_from] = [None] * late_from
                    row = {"start": str(START), "target": target, "cat": [device, pollutant]}
                    lines.write(json.dumps(row) + "\n")
        for name, index in (("categories", INDEX), ("champion", champion)):
            (self.folder / name).mkdir()
            (self.folder / name / "categories.json").write_text(index.to_json())
        folders = [("--" + name, str(self.folder / name)) for name in ("series", "categories")]
        return json.loads(
            COMMANDS["origins"](
                [
                    *(text for pair in folders for text in pair),
                    *("--champion", str(self.folder / "champion")),
                    *("--origins", str(ORIGINS), "--out", str(self.folder / "origins")),
                    *more,
                ]
            )
        )

    @property
    def judged(self) -> Path:
        return self.folder / "origins" / "judged"

    def instances(self, model: str) -> list[dict[str, Any]]:
        lines = (self.judged / model / "instances.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def answer(
        self,
        model: str,
        width: float = 5.0,
        off: float = 0.0,
        bad: tuple[int, ...] = (),
        bad_leads: tuple[int, ...] = (),
    ) -> None:
        """Write forecasts near the series' true level, with a band of a width in µg/m³.

        From origins at the hours of the day in ``bad``, they are far too high, and a little less
        at ``bad_leads``.
        """
        folder = self.folder / "forecasts" / model
        folder.mkdir(parents=True)
        with (folder / "instances.jsonl.out").open("w") as lines:
            for one in self.instances(model):
                origin = pd.Timestamp(one["start"]) + pd.Timedelta(hours=len(one["target"]))
                hours = (origin - START) / pd.Timedelta(hours=1) + np.arange(24)
                device, pollutant = one["cat"]
                middle = level(hours) * (1 + 2 * device + pollutant) + off
                middle = middle + 30 * (origin.hour in bad)
                middle[[lead - 1 for lead in bad_leads]] += 20
                quantiles = {p: (middle + (float(p) - 0.5) * 2 * width).tolist() for p in LEVELS}
                if pollutant in self.stuck:
                    quantiles = dict.fromkeys(LEVELS, [self.stuck[pollutant]] * 24)
                lines.write(json.dumps({"quantiles": quantiles}) + "\n")

    def verdict(self, *more: str) -> dict[str, Any]:
        return json.loads(
            COMMANDS["judge"](
                [
                    *("--judged", str(self.judged), "--forecasts", str(self.folder / "forecasts")),
                    *("--out", str(self.folder / "report")),
                    *LIMITS,
                    *more,
                ]
            )
        )

    def report(self, name: str) -> dict[str, Any]:
        return json.loads((self.folder / "report" / name).read_text())

    def _values(self, device: int, pollutant: int) -> list[float]:
        if pollutant in self.stuck:
            return [self.stuck[pollutant]] * HOURS
        return values(2 * device + pollutant).tolist()
