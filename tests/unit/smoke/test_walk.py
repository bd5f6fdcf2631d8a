"""However a walk ends, its resources are removed, and the report says what happened."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from contracts.names import Names
from contracts.settings.load import load
from smoke import walk as walking
from smoke.errors import HopError
from smoke.hops.hop import Found, Hop, until
from smoke.place import Place, _is_option
from smoke.prices import Usage
from smoke.report import FAILED, OK, SKIPPED
from smoke.walk import HOPS, Interruption, walk
from tests.support.sessions import ACCOUNT, REGION


class Removals:
    """Stands for `leftovers.remove`: counts calls, and reports failures from the second call on."""

    def __init__(self, *failures: str) -> None:
        self.calls = 0
        self._failures = [*failures]

    def __call__(self, place: Place) -> tuple[Counter[str], list[str]]:
        self.calls += 1
        return Counter(), self._failures if self.calls > 1 else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(
        session=boto3.Session(region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x"),
        names=Names("dev", ACCOUNT, REGION),
        settings=load("dev"),
        run="261201100000ab",
        started=datetime(2026, 12, 1, 10, tzinfo=UTC),
        folder=tmp_path,
        variables={},
    )


@pytest.fixture
def removals(monkeypatch) -> Removals:
    return watched(monkeypatch)


def watched(monkeypatch: pytest.MonkeyPatch, *failures: str) -> Removals:
    removals = Removals(*failures)
    monkeypatch.setattr(walking, "held", lambda place: nullcontext())
    monkeypatch.setattr(walking.leftovers, "remove", removals)
    return removals


def hop(name: str, outcome: Found | BaseException) -> Hop:
    def work(place: Place) -> Found:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return Hop(name, f"do {name}", f"{name} done", work)


FINE = Found("fine", {"n": 1}, [Usage("glue.dpu_hour", 1), Usage("mystery", 1)])


def test_all_hops_pass(place, removals):
    report = walk(place, Console(quiet=True), [hop("a", FINE), hop("b", FINE)])

    assert [one.verdict for one in report.hops] == [OK, OK]
    assert report.usd == pytest.approx(0.88)
    assert report.unpriced == ("mystery",)
    assert report.passed
    assert report.on_aws  # this session would call AWS
    assert removals.calls == 2, "before and after"


@pytest.mark.parametrize(
    "error",
    [
        HopError("nothing came", "the log"),
        ClientError({"Error": {"Code": "AccessDenied", "Message": "nothing came"}}, "X"),
    ],
    ids=["hop", "AWS"],
)
def test_a_failed_hop_ends_the_walk_and_says_where_to_look(place, removals, error, capsys):
    report = walk(place, Console(width=200), [hop("a", FINE), hop("b", error), hop("c", FINE)])

    a, b, c = report.hops
    assert (a.verdict, b.verdict, c.verdict) == (OK, FAILED, SKIPPED)
    assert "nothing came" in b.found
    assert b.where
    assert c.found == "not reached: do b failed"
    assert not report.passed
    assert removals.calls == 2
    printed = capsys.readouterr().out
    assert "expected  b done" in printed
    assert f"look at   {b.where}" in printed


def test_an_interrupted_walk_removes_everything_and_keeps_its_report(place, removals):
    with pytest.raises(Interruption) as caught:
        walk(place, Console(quiet=True), [hop("a", FINE), hop("b", KeyboardInterrupt())])

    report = caught.value.report
    assert [one.verdict for one in report.hops] == [OK, FAILED]
    assert report.hops[1].found == "interrupted"
    assert removals.calls == 2


def test_a_fault_of_the_program_still_removes_everything(place, removals):
    with pytest.raises(ZeroDivisionError):
        walk(place, Console(quiet=True), [hop("a", ZeroDivisionError())])

    assert removals.calls == 2


def test_a_walk_that_leaves_something_behind_does_not_pass(place, monkeypatch, capsys):
    watched(monkeypatch, "endpoints: no permission")

    report = walk(place, Console(width=200), [hop("a", FINE)])

    assert report.hops[0].verdict == OK
    assert not report.passed
    assert "not removed of this run: endpoints: no permission" in capsys.readouterr().out


def test_a_hop_that_does_not_apply_is_not_a_failure(place, removals):
    report = walk(place, Console(quiet=True), [hop("a", Found("no claims", skipped=True))])

    assert report.hops[0].verdict == SKIPPED
    assert report.passed


def test_names_of_hops_are_unique_and_every_name_fits(place):
    assert len({hop.name for hop in HOPS}) == len(HOPS)
    assert all(len(hop.title) < 70 for hop in HOPS)
    assert place.model == "lakecast-dev-smoke-261201100000ab"
    assert place.devices == (
        "lakecast-smoke-dev-261201100000ab-a", "lakecast-smoke-dev-261201100000ab-b"
    )  # fmt: skip
    assert place.tags["smoke"] == place.run


def test_options_of_this_verb_do_not_reach_other_verbs():
    assert [_is_option(f"LAKECAST_{name}") for name in ("REPORT", "DAYS", "MQTT_PORT")] == [
        True, True, False
    ]  # fmt: skip
    assert not _is_option("AWS_PROFILE")


def test_waiting_ends_with_the_result_or_with_the_error():
    answers = iter([None, None, "ready"])
    assert until(lambda: next(answers), 60, 1, lambda: HopError("", ""), lambda _: None) == "ready"

    with pytest.raises(HopError, match="late"):
        until(lambda: None, 0, 1, lambda: HopError("late", ""), lambda _: None)
