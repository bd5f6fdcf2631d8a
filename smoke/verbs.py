"""The commands of ``lakecast smoke``."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from contracts.names import ENVIRONMENTS
from smoke import leftovers
from smoke import status as verification
from smoke.errors import SmokeError
from smoke.lease import held
from smoke.place import Place
from smoke.report import Report
from smoke.walk import Interruption, walk

State = Annotated[Path, Parameter(help="Folder for all local files.")]
Environment = Annotated[str, Parameter(choices=ENVIRONMENTS, help="Environment of the estate.")]
STATE = Path(".lakecast")


def run(*, env: Environment = "local", report: Path | None = None, state: State = STATE) -> int:
    """Send two devices' readings through it, and remove them.

    Parameters
    ----------
    report
        File for the report; default: STATE/smoke/ENV.json.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(highlight=False)
    file = report or state / "smoke" / f"{env}.json"
    place = Place.find(env, state)
    try:
        found = walk(place, console)
    except Interruption as interruption:
        _write(interruption.report, file)
        raise KeyboardInterrupt(f"interrupted; the report is {file}") from None
    _write(found, file)
    failed = sum(hop.verdict == "failed" for hop in found.hops)
    console.print(
        f"{len(found.hops)} hops, {failed} failed, {found.seconds:.0f} s, about {found.usd:.2f} "
        f"USD ({found.prices}{_without(found)})\nthe report is {file}",
        soft_wrap=True,
    )
    if not found.removed:
        console.print(f"next: make smoke-clean ENV={env}")
    elif found.passed:
        console.print(f"next: make verification ENV={env}")
    return 0 if found.passed else 1


def clean(*, env: Environment = "local", state: State = STATE) -> None:
    """Remove what killed smoke tests left behind."""
    place = Place.find(env, state)
    with held(place):
        removed, failures = leftovers.remove(place)
    if failures:
        raise SmokeError("; ".join(failures))
    print(", ".join(f"{count} {kind}" for kind, count in removed.items()) or "nothing", "removed")


def status(*, env: Environment = "local", state: State = STATE) -> None:
    """Generate the verification status from the committed reports.

    A report of ENV in STATE is first copied to docs/verification, to be committed.
    """
    root = verification.REPOSITORY
    newest = state / "smoke" / f"{env}.json"
    if newest.exists():
        kept = root / verification.REPORTS / newest.name
        kept.write_text(Report.read(newest).to_json(), encoding="utf-8")
        print(f"kept {kept.relative_to(root)}")
    for path, text in verification.generated(root).items():
        (root / path).write_text(text, encoding="utf-8")
        print(f"generated {path}")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _without(report: Report) -> str:
    return f"; no price of {', '.join(report.unpriced)}" if report.unpriced else ""


def _write(report: Report, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(report.to_json(), encoding="utf-8")
