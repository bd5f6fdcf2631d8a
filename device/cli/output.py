"""Terminal output: progress on stderr if it is a terminal, results on stdout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from device.agent.loop import Tally
from device.cli.doctor import Finding
from device.mqtt.kit import ConnectionKit
from device.mqtt.link import Link
from device.replay.fleet import Outcome, Replay


@contextmanager
def replaying(replays: Sequence[Replay]) -> Iterator[Callable[[Mapping[str, Tally]], None]]:
    """Shows a progress bar of acknowledged readings per station."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bars:
        tasks = {
            replay.kit.thing_name: bars.add_task(
                replay.kit.thing_name, total=replay.recording.expected
            )
            for replay in replays
        }

        def show(tallies: Mapping[str, Tally]) -> None:
            for thing_name, tally in tallies.items():
                bars.update(tasks[thing_name], completed=tally.acknowledged)

        yield show


def replayed(outcomes: Sequence[Outcome], summary: Mapping[str, Any]) -> None:
    """Prints a table of the stations, and the total."""
    table = Table("station", "thing", show_footer=True)
    documents = [outcome.document() for outcome in outcomes]
    table.columns[0].footer = "total"
    counted = ("readings", "sent", "acknowledged", "left")
    for key in counted:
        total = sum(document[key] for document in documents)
        table.add_column(key, justify="right", footer=f"{total:,}")
    for document in documents:
        counts = (f"{document[key]:,}" for key in counted)
        table.add_row(document["station"], document["thing_name"], *counts)
    console = Console()
    console.print(table)
    console.print(
        f"{summary['messages_sent']:,} readings sent, {summary['first']} to {summary['last']}",
        highlight=False,
    )
    if summary["carried_over"]:
        console.print(f"{summary['carried_over']:,} more that an earlier run had left")
    if summary["dropped"]:
        console.print(_dropped(summary["dropped"]))
    if summary["broken_sent"]:
        console.print(f"{summary['broken_sent']} broken messages sent on purpose")


def findings(kit: ConnectionKit, found: Iterable[Finding]) -> list[str]:
    """Prints a line per finding as it arrives; returns the subjects that failed."""
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{kit.thing_name}, kit {kit.folder}", markup=False)
    ill = []
    for finding in found:
        mark = "ok  " if finding.well else "FAIL"
        line = Text(f"{mark}  {finding.subject:<12}  {finding.detail}")
        line.stylize("green" if finding.well else "bold red", 0, len(mark))
        console.print(line)
        if not finding.well:
            ill.append(finding.subject)
    return ill


@contextmanager
def live(
    kit: ConnectionKit, link: Link
) -> Iterator[tuple[Callable[[Tally], None], Callable[[str], None]]]:
    """Shows a status line, or without a terminal prints a line per change of the connection.

    Yields a function that updates the line, and one that prints further messages.
    """
    console = Console(stderr=True)
    console.print(f"{kit.thing_name} → {kit.host}:{kit.port}; Ctrl-C ends it", highlight=False)
    said: list[str] = []

    def tell(news: str) -> None:
        console.print(f"{kit.thing_name}: {news}", highlight=False, markup=False, soft_wrap=True)

    def state() -> str:
        if link.connected:
            return "connected"
        return f"not connected: {link.trouble}" if link.trouble else "connecting"

    with console.status("connecting") as status:

        def show(tally: Tally) -> None:
            now = state()
            status.update(
                f"{now}; {tally.taken:,} taken, {tally.acknowledged:,} acknowledged, "
                f"{tally.left:,} waiting"
            )
            if not console.is_terminal and said[-1:] != [now]:
                said[:] = [now]
                tell(now)

        yield show, tell


def live_end(kit: ConnectionKit, tally: Tally) -> None:
    """Prints what was sent, and what is still waiting."""
    console = Console(soft_wrap=True)
    console.print(
        f"{kit.thing_name}: {tally.taken:,} readings taken, {tally.acknowledged:,} acknowledged",
        highlight=False,
    )
    if tally.left:
        console.print(
            f"{tally.left:,} stay in {kit.outbox}; the next run sends them first", highlight=False
        )
    if tally.dropped:
        console.print(_dropped(tally.dropped), highlight=False)


def _dropped(messages: int) -> str:
    return (
        f"{messages:,} of the oldest messages were dropped: the outbox was full, or held them "
        "too long (--keep-mb, --keep-days)"
    )
