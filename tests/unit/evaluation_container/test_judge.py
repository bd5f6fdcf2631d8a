"""The commands ``origins`` and ``judge``, from channels to the verdict."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from container_runtime.errors import DataError
from evaluation_container.preparation.judged_forecasts import CANDIDATE, CHAMPION, Judged
from forecast_format.channels import read_channel

from contracts.models.forecast_input import RELATED_HOURS, CategoryIndex
from tests.support.models.judged_run import HOURS, INDEX, ORIGINS, PACKAGE, Run, values

STEP = pd.Timedelta(hours=30)
FIRST = pd.Timestamp("2026-02-09") - 5 * STEP  # the last origin has 24 known hours


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_candidate_is_not_trained_on_the_hours_that_it_is_judged_on(run):
    summary = run.prepare()
    assert (summary["origins"], summary["series"], summary["asked"]) == (ORIGINS, 4, 4 * ORIGINS)
    assert summary["data_end"] == f"{FIRST:%Y-%m-%dT%H:%M:%SZ}"
    for series in read_channel(run.folder / "origins" / "train", "h"):
        assert (series.start + len(series.target)).to_timestamp() == FIRST
    ends = {
        pd.Timestamp(one["start"]) + pd.Timedelta(hours=len(one["target"]))
        for one in run.instances(CANDIDATE)
    }
    assert ends == {FIRST + number * STEP for number in range(ORIGINS)}
    assert {end.hour for end in ends} == {0, 6, 12, 18}


def test_a_line_has_the_content_of_a_request(run):
    run.prepare()
    judged = Judged.read(run.judged)
    for place, one in zip(judged.places(CANDIDATE), run.instances(CANDIDATE), strict=True):
        device, pollutant = one["cat"]
        truth = judged.truth
        assert truth.stations[place[0]] == INDEX.devices[device]
        assert truth.pollutants[place[0]] == INDEX.pollutants[pollutant]
        assert set(one["related"]) == {"area", f"pollutant-{1 - pollutant}"}
        assert all(len(row) == RELATED_HOURS for row in one["related"].values())
        hours = len(one["target"]) + np.arange(24)
        observed = values(2 * device + pollutant)[hours]
        assert truth.actual[place] == pytest.approx(observed, rel=1e-5)


def test_a_series_that_starts_in_the_judged_hours_is_not_used(run):
    summary = run.prepare(late_from=HOURS - 48)
    assert (summary["series"], summary["champion"]) == (3, "")
    assert all(one["cat"] != [1, 1] for one in run.instances(CANDIDATE))


def test_a_champion_forecasts_only_the_devices_that_it_knows(run):
    index = CategoryIndex(INDEX.devices[:1], INDEX.pollutants)
    summary = run.prepare("--package", PACKAGE, champion=index)
    assert summary["champion"] == PACKAGE
    assert {one["cat"][0] for one in run.instances(CHAMPION)} == {0}
    assert {one["cat"][0] for one in run.instances(CANDIDATE)} == {0, 1}


def test_a_champion_with_other_meanings_of_the_categories_is_not_used(run):
    index = CategoryIndex(INDEX.devices[::-1], INDEX.pollutants)
    assert run.prepare("--package", PACKAGE, champion=index)["champion"] == ""


def test_too_few_hours_are_an_error(run):
    with pytest.raises(DataError, match="nothing was observed before the first origin"):
        run.prepare("--origins", "45")


def test_a_good_candidate_without_a_champion_is_accepted(run):
    run.prepare()
    run.answer(CANDIDATE)
    result = run.verdict()
    assert result["verdict"] == "accepted"
    assert result["wql"] < result["wql_persistence"]
    assert result["wql_champion"] is None
    errors = run.report("metrics.json")["errors"]
    assert errors["candidate"]["overall"]["weighted_quantile_loss"] == pytest.approx(
        result["wql"], abs=1e-5
    )
    assert "<html" in (run.folder / "report" / "report.html").read_text()


def test_a_candidate_that_is_bad_from_one_hour_of_the_day_is_rejected(run):
    run.prepare("--origins", "24")  # six from each of four hours
    run.answer(CANDIDATE, bad=(18,))
    result = run.verdict()
    assert result["wql"] < result["wql_persistence"]
    assert result["verdict"] == "rejected"
    (reason,) = (why for why in run.report("gate.json")["reasons"] if "hour of origin" in why)
    assert re.fullmatch(r"by hour of origin, its loss .*: \d\.\d+ times at 18:00 UTC", reason)


def test_a_candidate_that_is_bad_in_the_first_hour_is_rejected(run):
    run.prepare()
    run.answer(CANDIDATE, bad_leads=(1,))
    result = run.verdict()
    assert result["wql"] < result["wql_persistence"]
    assert result["verdict"] == "rejected"
    (reason,) = run.report("gate.json")["reasons"]
    assert re.fullmatch(
        r"by number of hours ahead, its loss .* persistence: \d+\.\d+ times at 1 hours? ahead",
        reason,
    )


def test_a_candidate_that_is_bad_for_one_pollutant_in_the_first_hour_is_rejected(run):
    run.prepare("--origins", "20")
    run.answer(CANDIDATE, bad_leads=(1,))
    run.verdict()
    reasons = " ".join(run.report("gate.json")["reasons"])
    for pollutant in INDEX.pollutants:
        assert f"times at {pollutant} 1 hours ahead" in reasons
    assert "2 to 3 hours ahead" not in reasons


def test_a_candidate_worse_than_the_champion_is_rejected_and_compared_on_what_both_know(run):
    index = CategoryIndex(INDEX.devices[:1], INDEX.pollutants)
    run.prepare("--package", PACKAGE, champion=index)
    run.answer(CANDIDATE, off=1.5)
    run.answer(CHAMPION)
    result = run.verdict()
    assert result["verdict"] == "rejected"
    assert "above the champion's" in result["reasons"]
    compared = run.report("metrics.json")["compared_with_champion"]
    assert compared["origins"] == ORIGINS
    assert np.mean(compared["champion"]) < np.mean(compared["candidate"])


def test_the_champions_loss_is_computed_like_the_candidates(run):
    run.prepare("--package", PACKAGE)
    run.answer(CANDIDATE)
    run.answer(CHAMPION)
    result = run.verdict()
    assert result["wql_champion"] == result["wql"]


def test_a_champion_is_not_judged_on_hours_that_it_was_trained_on(run):
    run.prepare("--package", PACKAGE, "--data-end", f"{FIRST + 2 * STEP:%Y-%m-%dT%H:00Z}")
    run.answer(CANDIDATE)
    run.answer(CHAMPION)
    run.verdict()
    assert run.report("metrics.json")["compared_with_champion"]["origins"] == ORIGINS - 2


def test_a_champion_that_cannot_forecast_is_ignored_and_reported(run):
    run.prepare("--package", PACKAGE)
    run.answer(CANDIDATE)
    result = run.verdict("--champion-failure", "its image is gone")
    assert (result["verdict"], result["wql_champion"]) == ("accepted", None)
    assert "it could not forecast: its image is gone" in result["reasons"]


def test_a_missing_result_is_an_error(run):
    run.prepare()
    run.answer(CANDIDATE)
    place = run.folder / "forecasts" / CANDIDATE / "instances.jsonl.out"
    place.write_text("".join(place.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DataError, match="candidate: expected 24 results; got 23"):
        run.verdict()
