"""Tuning channels: the test days lie after the training data and before the gate's days."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from container_runtime.errors import DataError
from evaluation_container.commands import COMMANDS
from evaluation_container.preparation.tuning_channels import HORIZON, split, spread_origins
from forecast_format.channels import read_channel
from forecast_format.series import Series
from hypothesis import given
from hypothesis import strategies as st

START = pd.Period("2024-01-01 05:00", "h")
DAYS = 30


def series(device=0, pollutant=0, level=1.0, days=DAYS, start=START):
    rng = np.random.default_rng((device, pollutant))
    target = (level * rng.gamma(3, 1, days * 24)).astype(np.float32)
    return Series(start, target, (device, pollutant))


def end(one):
    return one.start + len(one.target)


def test_held_out_days_are_after_the_training_data_and_before_the_gates_days():
    whole = [series(0), series(1)]
    origins = spread_origins(whole, count=3, kept=7)
    last = pd.Period("2024-01-30 00:00", "h")  # data end at 05:00 of the next day
    gate = last - 6 * 30
    assert origins == [gate - 3 * 30, gate - 2 * 30, gate - 30]
    train, test = map(list, split(whole, origins))
    assert {end(one) for one in train} == {origins[0]}
    assert [end(one) for one in test if one.cat == (0, 0)] == [o + HORIZON for o in origins]
    assert max(end(one) for one in test) <= gate


@given(hours=st.integers(400, 500), count=st.integers(4, 8), kept=st.integers(0, 4))
def test_origins_are_spread_over_the_day_and_their_forecasts_share_no_hour(hours, count, kept):
    whole = [Series(START, np.ones(hours, dtype=np.float32), (0, 0))]
    origins = spread_origins(whole, count, kept)
    assert {origin.hour for origin in origins} == {0, 6, 12, 18}
    assert all((later - earlier).n >= HORIZON for earlier, later in pairwise(origins))
    later = spread_origins(whole, count + kept, 0)
    assert later[:count] == origins, "the gate's origins follow those of a search"
    assert HORIZON <= (end(whole[0]) - later[-1]).n < HORIZON + 6


def test_one_loss_over_all_scaled_values_is_the_mean_of_the_pollutants_losses():
    whole = [series(0, 0), series(0, 1, level=800.0), series(1, 1, level=300.0)]
    origins = spread_origins(whole, count=4, kept=2)
    test = list(split(whole, origins)[1])

    def weighted_loss(values, forecast=0.7):
        return np.abs(values - forecast * values.max()).sum() / np.abs(values).sum()

    by_pollutant = [
        np.concatenate([one.target[-HORIZON:] for one in test if one.cat[1] == kind])
        for kind in (0, 1)
    ]
    losses = [np.abs(v - 0.7 * v.max()).sum() for v in by_pollutant]
    total = np.abs(np.concatenate(by_pollutant)).sum()
    assert sum(losses) / total == pytest.approx(
        np.mean([weighted_loss(values) for values in by_pollutant]), rel=1e-5
    )


def test_series_that_cannot_be_scored_are_left_out_of_the_test_channel():
    silent = Series(START, np.full(DAYS * 24, np.nan, dtype=np.float32), (2, 0))
    ended = series(1, days=DAYS - 20)
    whole = [series(0), ended, silent]
    train, test = map(list, split(whole, spread_origins(whole, count=2, kept=2)))
    assert {one.cat[0] for one in test} == {0}
    assert {one.cat[0] for one in train} == {0, 1}  # a series that has ended still trains


def test_too_few_days_are_rejected_with_advice():
    whole = [series(days=5)]
    with pytest.raises(DataError, match=r"nothing was observed before 2023-12-.*more days"):
        split(whole, spread_origins(whole, count=4, kept=7))


def test_the_command_writes_channels_that_containers_read(tmp_path):
    lines = [json.dumps(series(device, level=40.0).document()) for device in range(2)]
    (tmp_path / "channel").mkdir()
    with gzip.open(tmp_path / "channel" / "a.json.gz", "wt") as file:
        file.write("\n".join(lines))
    options = f"--channel {tmp_path / 'channel'} --out {tmp_path} --origins 3 --kept 2".split()
    summary = json.loads(COMMANDS["holdout"](options))
    train, test = (read_channel(tmp_path / name, "h") for name in ("train", "test"))
    assert (summary["train"], summary["test"]) == (len(train), len(test)) == (2, 6)
    assert summary["first_origin"] == str(end(train[0]).to_timestamp())
