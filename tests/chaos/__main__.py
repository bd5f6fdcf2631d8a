"""Sends readings while processes are killed at random, and checks that all arrive in the lake.

Agents replay recordings over MQTT through the estate that Terraform has applied. Meanwhile agents,
connections, the local cloud (broker, rule and Firehose) and the ETL's Spark are killed, in an order
that the seed determines, and Firehose refuses, duplicates, delays and joins records. Another device
sends hostile messages, and hostile objects are in the raw bucket. At the end, the recorded
identities are compared with those in the lake, as Athena reads it, and the hostile ones with lake
and quarantine.

The exit code is 1 if a reading is lost, duplicated, changed or invented, or if a hostile message is
not counted under its reason::

    make chaos [READINGS=200000] [DEVICES=20] [SEED=1]
"""

from __future__ import annotations

import math
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cyclopts import App
from cyclopts.config import Env
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lakecast.__main__ import PREFIX
from localcloud.cloud.launch import LocalCloudError
from localcloud.demo.checks import CheckError
from localcloud.services.firehose.faults import Faults
from tests.chaos.fleet import AgentFailedError, Fleet
from tests.chaos.hostile import (
    FOUND,
    IS_HOSTILE,
    READINGS_PER_ROUND,
    THING_NAME,
    HostileDevice,
    HostileVerdict,
    RefusedError,
    judge_hostile,
    put_objects,
)
from tests.chaos.recordings import record
from tests.chaos.trial import Trial, TrialError
from tests.chaos.verdict import Verdict, judge
from tests.chaos.wire import Wire

FAULTS = Faults(refuse=0.1, deliver_twice=0.2, delay_seconds=3, join_records=0.2)
MESSAGE = 350  # bytes of the smallest message on the wire
POLL = 0.05
KINDS = ("device", "connections", "cloud", "Spark")
LISTED = 20  # hostile messages that were not counted


@dataclass(frozen=True)
class Kills:
    """Numbers of each kind of kill."""

    device: int
    connections: int
    cloud: int
    spark: int
    spark_at_the_end: int

    @classmethod
    def of(cls, readings: int) -> Kills:
        """Return the numbers of kills for a number of readings."""
        large = readings >= 100_000
        return cls(12, 8, 5, 2, 3) if large else cls(3, 2, 1, 0, 1)

    def order(self, dice: random.Random) -> list[str]:
        """Return the kills that happen while readings are sent, in random order."""
        counts = (self.device, self.connections, self.cloud, self.spark)
        kinds = [kind for kind, count in zip(KINDS, counts, strict=True) for _ in range(count)]
        dice.shuffle(kinds)
        return kinds


def send(
    trial: Trial,
    fleet: Fleet,
    hostile: HostileDevice,
    wire: Wire,
    readings: int,
    order: list[str],
    dice: random.Random,
    console: Console,
) -> Counter[str]:
    """Run the devices to their end, with the kills spread over the messages that they send."""
    killed: Counter[str] = Counter()
    over = threading.Event()  # the fleet is done
    stopped = threading.Event()  # the hostile device must not go on
    marks = sorted(dice.uniform(0.03, 0.9) * readings * MESSAGE for _ in order)

    def disturb(progress: Progress) -> None:
        bar = progress.add_task("kills", total=len(order))
        with ThreadPoolExecutor(max_workers=max(1, order.count("Spark"))) as sparks:
            runs = []
            for kind, mark in zip(order, marks, strict=True):
                while wire.carried < mark and not over.wait(POLL):
                    pass
                if over.is_set():
                    break
                if kind == "device":
                    killed[kind] += fleet.kill(dice)
                elif kind == "connections":
                    killed[kind] += wire.cut(dice.uniform(0.1, 1.0), dice)
                elif kind == "cloud":
                    killed[kind] += trial.kill_cloud(dice)
                else:
                    runs.append(sparks.submit(trial.kill_spark, dice, dice.uniform(3, 15)))
                progress.update(bar, advance=1, description=f"kills (last: {kind})")
            killed["Spark"] += sum(run.result() for run in runs)

    with (
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as progress,
        ThreadPoolExecutor(max_workers=3) as pool,
    ):
        sending = pool.submit(fleet.run)

        def wait_for(share: float) -> None:
            while wire.carried < share * readings * MESSAGE and not sending.done():
                stopped.wait(POLL)

        attacking = pool.submit(hostile.run, wait_for, stopped)
        disturbing = pool.submit(disturb, progress)
        bar = progress.add_task("devices done", total=fleet.size)
        try:
            while not (sending.done() and attacking.done()):
                progress.update(bar, completed=fleet.done)
                if any(one.done() and one.exception() for one in (disturbing, sending, attacking)):
                    break
                time.sleep(POLL)
        finally:  # also after an interrupt
            over.set()
            stopped.set()
            fleet.stop()
        disturbing.result()
        sending.result()
        attacking.result()
    return killed


def run(home: Path, readings: int, devices: int, seed: int, console: Console) -> int:
    """Run the whole trial; return the exit code."""
    dice = random.Random(seed)
    kills = Kills.of(readings)
    recorded = record(home / "recordings", devices, readings, dice)
    kits, logs = home / "devices", home / "logs"
    logs.mkdir()
    trial = Trial(home / "cloud", logs)
    wire: Wire | None = None
    try:
        started = time.monotonic()
        with console.status("applying the estate"):
            trial.apply()
            wire = Wire(trial.mqtt_port)
            things = [*(one.thing_name for one in recorded), THING_NAME]
            trial.provision(things, kits, wire.port)
            trial.restart()
        console.print(f"· the estate is applied  [dim]{time.monotonic() - started:.0f} s[/]")
        FAULTS.order(trial.home)
        started = time.monotonic()
        fleet = Fleet(recorded, kits, logs)
        device = HostileDevice(kits / THING_NAME, math.ceil(readings / READINGS_PER_ROUND))
        killed = send(trial, fleet, device, wire, readings, kills.order(dice), dice, console)
        sending = time.monotonic() - started
        console.print(f"· all readings are sent  [dim]{sending:.0f} s[/]")
        started = time.monotonic()
        with console.status("transforming, while Spark is killed"):
            trial.await_delivery()
            delivered = trial.estate.raw_messages()
            objects = put_objects(trial.estate.client("s3"), trial.estate.names)
            for _ in range(kills.spark_at_the_end):
                killed["Spark"] += trial.kill_spark(dice, dice.uniform(2, 12))
            trial.etl()
        console.print(f"· all readings are transformed  [dim]{time.monotonic() - started:.0f} s[/]")
        expected = {key: value for one in recorded for key, value in one.ozone.items()}
        columns = "device_id, boot_id, sequence, ozone"
        verdict = judge(
            expected,
            trial.estate.query(f"SELECT {columns} FROM telemetry WHERE NOT {IS_HOSTILE}"),
        )
        found = [row for sql in FOUND for row in trial.estate.query(sql)]
        counted = judge_hostile(device.sent | objects, found)
        console.print(
            report(trial, verdict, counted, killed, wire.carried, delivered, sending, seed)
        )
        for one in counted.astray[:LISTED]:
            console.print(f"not counted: {one}", markup=False)
    finally:
        if wire is not None:
            wire.close()
        trial.close()
    console.print(f"{verdict.lost} lost, {verdict.doubled} doubled")
    return 0 if verdict.is_clean and not counted.astray else 1


def report(
    trial: Trial,
    verdict: Verdict,
    hostile: HostileVerdict,
    killed: Counter[str],
    carried: int,
    delivered: int,
    seconds: float,
    seed: int,
) -> Table:
    """Build the table of the trial's faults and results."""
    table = Table(title=f"Chaos, seed {seed}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    rows = {
        "readings recorded": f"{verdict.sent:,}",
        "seconds of sending": f"{seconds:,.0f}",
        "MB sent to the broker": f"{carried / 1e6:,.1f}",
        "agents killed": f"{killed['device']}",
        "connections cut": f"{killed['connections']}",
        "broker and Firehose killed": f"{killed['cloud']}",
        "Spark killed": f"{killed['Spark']}",
        "lines delivered by Firehose": f"{delivered:,}",
        "messages stored only by the error action": f"{trial.estate.rule_errors():,}",
        "hostile messages and objects": f"{hostile.sent:,}",
        **{
            f"  {reason or 'kept'}": f"{number:,}"
            for reason, number in sorted(hostile.counted.items(), key=lambda item: item[0] or "")
        },
        "  not counted": f"{len(hostile.astray):,}",
        "lost": f"{verdict.lost:,}",
        "duplicated": f"{verdict.doubled:,}",
        "with another value": f"{verdict.changed:,}",
        "invented": f"{verdict.invented:,}",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


app = App(name="chaos", config=Env(PREFIX, command=False), version_flags=())


@app.default
def main(
    *,
    readings: int = 200_000,
    devices: int = 20,
    seed: int | None = None,
    keep: Path | None = None,
) -> int:
    """Send readings while processes are killed at random; check that all arrive in the lake.

    Parameters
    ----------
    readings
        Readings to send.
    devices
        Devices that send them.
    seed
        Seed of the kills; random by default.
    keep
        New folder in which all files are kept.
    """
    for name in ("READINGS", "DEVICES", "SEED"):  # not options of the verbs that are started here
        os.environ.pop(f"{PREFIX}{name}", None)
    seed = random.randrange(10_000) if seed is None else seed
    console = Console(highlight=False)
    console.print(f"{readings:,} readings of {devices} devices, SEED={seed}")
    try:
        if keep:
            return run(keep, readings, devices, seed, console)
        with tempfile.TemporaryDirectory(prefix="lakecast-chaos-") as home:
            return run(Path(home), readings, devices, seed, console)
    except (AgentFailedError, CheckError, LocalCloudError, RefusedError, TrialError) as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    app()
