"""Walks all hops, removes what they created, and returns the report."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from contracts.errors import LakecastError
from smoke import leftovers, prices
from smoke.errors import HopError
from smoke.hops import api, devices, lake, models
from smoke.hops.hop import Found, Hop
from smoke.lease import held
from smoke.place import Place
from smoke.report import FAILED, OK, SKIPPED, HopResult, Report

HOPS: tuple[Hop, ...] = (*devices.hops(), *lake.hops(), *models.hops(), *api.hops())
"""All hops; each needs those before it."""

_COLOURS = {OK: "green", FAILED: "red", SKIPPED: "yellow"}


class Interruption(Exception):  # noqa: N818 - no error: the user wants it
    """The walk was interrupted; its resources are removed.

    Parameters
    ----------
    report
        Report up to the interruption.
    """

    def __init__(self, report: Report) -> None:
        super().__init__("interrupted")
        self.report = report


def walk(place: Place, console: Console, hops: Sequence[Hop] = HOPS) -> Report:
    """Walks the hops until one fails, and removes everything they created, whatever happens.

    Raises
    ------
    SmokeError
        The estate is not applied, or another smoke test runs.
    Interruption
        The user interrupted it; the report says what was reached.
    """
    with held(place):
        began = time.monotonic()
        _remove(place, console, "of earlier runs")
        results: list[HopResult] = []
        unpriced: set[str] = set()
        interrupted = False
        try:
            for hop in hops:
                result, unknown = _result(hop, place, console)
                unpriced.update(unknown)
                results.append(result)
                _print(console, result)
                if result.verdict == FAILED:
                    break
        except KeyboardInterrupt:
            interrupted = True
            results.append(_not_reached(hops[len(results)], "interrupted", FAILED))
        finally:
            removed = _remove(place, console, "of this run")
        why = "interrupted" if interrupted else f"{results[-1].title} failed"
        results += [_not_reached(hop, f"not reached: {why}") for hop in hops[len(results) :]]
        report = Report(
            environment=place.names.environment,
            region=place.names.region,
            run=place.run,
            commit=_commit(),
            started=place.started.replace(microsecond=0),
            seconds=round(time.monotonic() - began, 1),
            endpoints=place.endpoints,
            hops=tuple(results),
            removed=removed,
            prices=prices.basis(),
            unpriced=tuple(sorted(unpriced)),
        )
    if interrupted:
        raise Interruption(report)
    return report


def _result(hop: Hop, place: Place, console: Console) -> tuple[HopResult, tuple[str, ...]]:
    began = time.monotonic()
    found, where = Found(""), ""
    verdict = FAILED
    try:
        with console.status(f"{hop.title} …"):
            found = hop.work(place)
        verdict = SKIPPED if found.skipped else OK
    except HopError as error:
        found, where = Found(error.found), error.where
    except (BotoCoreError, ClientError, LakecastError) as error:
        found, where = Found(" ".join(str(error).split())), "the permissions of the credentials"
    usd, unknown = prices.estimate(found.usages)
    seconds = round(time.monotonic() - began, 1)
    result = HopResult(
        hop.name, hop.title, verdict, seconds, round(usd, 6), hop.expected, found.text,
        dict(found.figures), where,
    )  # fmt: skip
    return result, unknown


def _not_reached(hop: Hop, why: str, verdict: str = SKIPPED) -> HopResult:
    return HopResult(hop.name, hop.title, verdict, 0.0, 0.0, hop.expected, why)


def _print(console: Console, hop: HopResult) -> None:
    colour = _COLOURS[hop.verdict]
    console.print(
        f"[{colour}]{hop.verdict:<7}[/] {hop.title}  [dim]{hop.seconds:.1f} s, {hop.usd:.4f} USD[/]"
        f"\n        {hop.found}",
        soft_wrap=True,
    )
    if hop.verdict == FAILED:
        console.print(
            f"        expected  {hop.expected}\n        look at   {hop.where}", soft_wrap=True
        )


def _remove(place: Place, console: Console, whose: str) -> bool:
    with console.status(f"removing resources {whose} …"):
        removed, failures = leftovers.remove(place)
    listed = ", ".join(f"{count} {kind}" for kind, count in removed.items())
    if listed:
        console.print(f"· removed {whose}: {listed}", soft_wrap=True)
    for failure in failures:
        console.print(f"[red]· not removed {whose}: {failure}[/]", soft_wrap=True)
    return not failures


def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
