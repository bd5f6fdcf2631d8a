"""Drift in recorded data: a change of season raises an alarm, the weeks after training do not."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from evaluation_container.drift import reference
from evaluation_container.drift.reference import REFERENCE_DAYS
from evaluation_container.scoring.drift_statistics import DAY, WEEK, deciles, distance
from forecasting.backtest import station_files
from forecasting.backtest.history import History

from tests.support.recorded import RECORDED

DATA = RECORDED / "beijing"
STATIONS = ("Changping", "Dongsi", "Gucheng", "Huairou")
WINTER, SPRING, SUMMER, AUTUMN = (
    datetime.fromisoformat(f"2016-{month:02d}-01") for month in (2, 5, 8, 11)
)
OF_DAYS, DAYS = 5, 3

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded data at {DATA}: set LAKECAST_DATA"),
]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Read four of the stations; eight give the same result."""
    folder = tmp_path_factory.mktemp("stations")
    for station in STATIONS:
        (file,) = DATA.glob(f"PRSA_Data_{station}_*")
        (folder / file.name).symlink_to(file.resolve())
    return station_files.read(folder)


def alarmed(history: History, training: datetime) -> np.ndarray:
    """Return for each of the 120 days after a training whether there is an alarm."""
    cut = history.position(training)
    columns = [history.of(pollutant) for pollutant in history.pollutants]
    found = reference.of_input(
        {
            pollutant: (STATIONS, rows[:, :cut])
            for pollutant, rows in zip(history.pollutants, columns, strict=True)
        }
    )
    usual = [deciles(rows[:, cut - REFERENCE_DAYS * DAY : cut]) for rows in columns]
    ratios = [
        max(
            distance(rows[:, stop - WEEK : stop], own) / found.distance[pollutant]
            for pollutant, rows, own in zip(history.pollutants, columns, usual, strict=True)
        )
        for stop in range(cut + DAY, min(cut + 120 * DAY, columns[0].shape[1]) + 1, DAY)
    ]
    beyond = np.concatenate([np.zeros(OF_DAYS - 1), np.array(ratios) >= 1])
    return np.convolve(beyond, np.ones(OF_DAYS), mode="valid") >= DAYS


@pytest.fixture(scope="module")
def days(history: History) -> dict[datetime, np.ndarray]:
    return {training: alarmed(history, training) for training in (WINTER, SPRING, SUMMER, AUTUMN)}


def test_weeks_after_a_training_raise_no_alarm(days: dict[datetime, np.ndarray]) -> None:
    false = np.mean([found[:28].mean() for found in days.values()])
    assert false <= 0.05, f"alarm on {false:.0%} of the days of the first four weeks"


@pytest.mark.parametrize("training", [WINTER, SUMMER])
def test_a_change_of_season_raises_an_alarm(
    days: dict[datetime, np.ndarray], training: datetime
) -> None:
    first = np.flatnonzero(days[training])
    assert len(first), "no alarm within four months"
    when = training + timedelta(days=int(first[0]) + 1)
    assert first[0] > 28, f"the first alarm, {when:%Y-%m-%d}, is within the season"


def test_the_same_season_of_another_year_is_nearer_than_another_season(history: History) -> None:
    start = history.position(datetime.fromisoformat("2015-03-01"))
    rows = history.of("PM2.5")
    usual = deciles(rows[:, start : start + 56 * DAY])

    def far(days_later: int) -> float:
        first = start + days_later * DAY
        return distance(rows[:, first : first + 56 * DAY], usual)

    assert far(365) < far(182)
