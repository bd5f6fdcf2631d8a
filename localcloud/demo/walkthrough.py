"""Implements ``make demo``: all steps from device to forecast on this machine.

The demo runs the same make targets as a user, as processes, and between them compares the counts of
sent and stored readings. It always starts with an empty local cloud.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from contracts.errors import LakecastError
from localcloud.cloud import launch
from localcloud.cloud.home import CloudConfig
from localcloud.demo.checks import Estate
from localcloud.demo.recorded import Recorded

PROJECT = Path(__file__).resolve().parents[2]
LANDING_TIMEOUT = 120.0  # seconds; several of Firehose's buffer intervals
REAL_DATA_DAYS = 120
SIMULATED_DAYS = 60
HELD_OUT_DAYS = 7
"""Number of days held out from training; a single day would say little about a model."""


class DemoError(LakecastError):
    """The demo cannot continue; the message says why and where to look."""


@dataclass(frozen=True)
class Step:
    """One line of the summary.

    Parameters
    ----------
    title
        Title of the step.
        seconds
            Duration, wall clock.
        outcome
            Result in numbers.
    """

    title: str
    seconds: float
    outcome: str


class Demo:
    """A run of the demo.

    Parameters
    ----------
    home
        The local cloud's home folder; logs and the summary go into its folder ``demo``.
    data
        Recorded stations, or None for simulated ones.
    days
        Days of readings to replay.
    """

    def __init__(
        self, config: CloudConfig, data: Recorded | None, days: int, console: Console
    ) -> None:
        self._config = config
        self._data = data
        self._days = days
        self._console = console
        self._folder = config.home / "demo"
        self._steps: list[Step] = []

    def run(self) -> None:
        """Runs all steps; their output is kept in ``demo/*.log``.

        Raises
        ------
        DemoError
            A step fails, or a count differs from what was sent.
        """
        fleet = self._folder / "fleet.json"
        source = self._data.options() if self._data else []
        self._verb("find the tools", "tools", outcome=_last_line)
        self._verb("start the local cloud", "up", outcome=lambda _: self._config.endpoint_url)
        estate = self._estate()
        self._verb("plan the estate with Terraform", "plan", outcome=_plan_line)
        self._verb("apply the estate", "apply", outcome=lambda _: "data, pipeline, serving")
        self._verb(
            "replay the fleet's readings over MQTT",
            "device",
            *source,
            f"DAYS={self._days}",
            "FAULTY=1",
            f"SUMMARY={fleet}",
            outcome=lambda _: f"{json.loads(fleet.read_text())['messages_sent']:,} messages sent",
        )
        sent = json.loads(fleet.read_text())
        self._step("wait until Firehose has landed them", lambda: _landing(estate, sent))
        self._verb(
            "transform to Parquet and series with Glue",
            "etl",
            f"CUT={_cut(sent)}",
            outcome=lambda _: _lake(estate, sent),
        )
        self._verb("measure the tables' quality", "quality", outcome=_last_line)
        self._verb("train the model with SageMaker", "train", outcome=_last_line)
        self._verb("deploy it behind the endpoint", "deploy", outcome=_last_line)
        self._verb(
            f"forecast the {HELD_OUT_DAYS} held-out days over the API",
            "evaluate",
            outcome=lambda _: "see below",
        )
        self._report(estate, sent)

    def _estate(self) -> Estate:
        cloud = launch.find(self._config.home)
        if cloud is None:
            raise DemoError(
                f"the local cloud ended right after its start; see {self._config.log_file}"
            )
        return Estate(cloud.env)

    def _verb(self, title: str, verb: str, *options: str, outcome: Callable[[str], str]) -> None:
        def work() -> str:
            log = self._folder / f"{len(self._steps) + 1}-{verb}.log"
            cloud = [
                f"STATE={self._config.home}",
                f"PORT={self._config.port}",
                f"MQTT_PORT={self._config.mqtt_port}",
            ]
            with log.open("w") as out:
                code = subprocess.run(
                    ["make", verb, "ENV=local", *cloud, *options],
                    cwd=PROJECT,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=_surroundings(self._console.width),
                    check=False,
                ).returncode
            if code:
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                raise DemoError(f"`make {verb}` ended with code {code}; {log} ends with:\n{tail}")
            return outcome(log.read_text(errors="replace"))

        self._step(title, work)

    def _step(self, title: str, work: Callable[[], str]) -> None:
        started = time.monotonic()
        with self._console.status(f"{title} …"):
            outcome = work()
        step = Step(title, time.monotonic() - started, outcome)
        self._steps.append(step)
        self._console.print(
            f"· {step.title}  [dim]{step.seconds:.0f} s[/]  {step.outcome}", soft_wrap=True
        )

    def _report(self, estate: Estate, sent: dict[str, Any]) -> None:
        table = Table(title="The way from device to forecast", title_justify="left")
        table.add_column("step")
        table.add_column("seconds", justify="right")
        table.add_column("outcome")
        for step in self._steps:
            table.add_row(step.title, f"{step.seconds:.1f}", step.outcome)
        table.add_section()
        table.add_row("all", f"{sum(step.seconds for step in self._steps):.1f}", "")
        self._console.print()
        self._console.print(table)
        self._console.print()
        # The evaluation's own tables are printed unchanged.
        sys.stdout.write(next(self._folder.glob("*-evaluate.log")).read_text())
        sys.stdout.flush()
        device = sent["stations"][0]["thing_name"]
        for line in (
            "",
            "These go on answering until `make down`:",
            f"  AWS's API     {self._config.endpoint_url}",
            f"  forecast API  {estate.forecast_url()}",
            f"  MQTT broker   127.0.0.1:{self._config.mqtt_port}, for devices with a certificate",
            "",
            "What to look at next:",
            f"  {self._config.home / 'evaluation/forecast.png'}  one station's forecasts, drawn",
            f"  make forecast DEVICE={device} POLLUTANT=ozone  the next 24 hours there",
            "  make retrain  a new version, which must beat the one that serves",
            f"  source {self._config.environment_file}  for `aws` or boto3 on this cloud",
        ):
            self._console.print(line, soft_wrap=True)


def _surroundings(width: int) -> dict[str, str]:
    """Returns the environment without the demo's options, which other commands would also read."""
    own = ("MAKEFLAGS", "MAKELEVEL", "LAKECAST_COLUMNS", "LAKECAST_DAYS")
    return {name: value for name, value in os.environ.items() if name not in own} | {
        "COLUMNS": str(width)
    }


def _cut(sent: dict[str, Any]) -> str:
    """Returns the first hour held out from training, `HELD_OUT_DAYS` before the end."""
    last = datetime.fromisoformat(sent["last"]).replace(minute=0, second=0, microsecond=0)
    cut = last + timedelta(hours=1) - timedelta(days=HELD_OUT_DAYS)
    return f"{cut.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _plan_line(output: str) -> str:
    """Returns the number of resources to add, summed over the stacks."""
    added = [int(count) for count in re.findall(r"Plan: (\d+) to add", output)]
    return f"{sum(added)} resources to add"


def _last_line(output: str) -> str:
    """Returns the last line of a command's output before the hint at the next command."""
    lines = [line.strip() for line in output.splitlines()]
    return next(line for line in reversed(lines) if line and not line.startswith("next:"))


def _landing(estate: Estate, sent: dict[str, Any]) -> str:
    """Waits until Firehose has delivered every sent message, or the rule has refused it."""
    expected = sent["messages_sent"] + sent["broken_sent"]
    deadline = time.monotonic() + LANDING_TIMEOUT
    while True:
        landed, refused = estate.raw_messages(), estate.rule_errors()
        if landed + refused >= expected:
            return f"{landed:,} in raw, {refused} refused by the rule"
        if time.monotonic() > deadline:
            raise DemoError(
                f"expected {expected:,} messages in raw within {LANDING_TIMEOUT:.0f} s; "
                f"{landed:,} arrived, and the rule refused {refused}"
            )
        time.sleep(0.5)


def _lake(estate: Estate, sent: dict[str, Any]) -> str:
    """Checks that each sent message is in the lake once, and each invalid one in quarantine."""
    rows, identities = estate.readings()
    quarantined = estate.quarantined()
    if not rows == identities == sent["messages_sent"]:
        raise DemoError(
            f"expected {sent['messages_sent']:,} readings in the lake, each once; "
            f"got {rows:,} rows with {identities:,} identities"
        )
    if sum(quarantined.values()) != sent["broken_sent"]:
        raise DemoError(f"expected {sent['broken_sent']} messages in quarantine; got {quarantined}")
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(quarantined.items()))
    return f"{rows:,} readings = messages sent; quarantined: {reasons or 'none'}"


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Refuses a second demo in one home folder, because it would stop the first one's cloud."""
    with home.with_name(f"{home.name}.demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError(f"another demo runs in {home}; wait for its end") from None
        yield


def _fresh(config: CloudConfig, console: Console) -> None:
    """Prepares the home folder for an empty local cloud.

    The state of an earlier demo is removed. State that a user made with `make up` is moved aside.
    """
    home = config.home
    if launch.stop(config):
        console.print("· stopped the local cloud that was running")
    if not home.exists():
        return
    if (home / "demo").exists():
        shutil.rmtree(home)
        return
    kept = home.with_name(f"{home.name}.kept-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    home.rename(kept)
    console.print(f"· the local cloud that was here is kept in {kept}")


def walk(config: CloudConfig, data: Recorded | None, days: int | None) -> None:
    """Runs the demo in an empty local cloud.

    Parameters
    ----------
    data
        Recorded stations, or None for simulated ones.
    days
        Days of readings to replay; None means the default for that kind of station.

    Raises
    ------
    DemoError, CheckError, LocalCloudError
        A step or a check failed.
    RecordingError
        The recorded files cannot be used.
    """
    days = days or (REAL_DATA_DAYS if data else SIMULATED_DAYS)
    if days <= HELD_OUT_DAYS:
        raise DemoError(
            f"expected more than {HELD_OUT_DAYS} days, the last of which are held out from "
            f"training; got DAYS={days}"
        )
    if data:
        data.check(timedelta(days=HELD_OUT_DAYS + 1))
    console = Console(highlight=False)
    with _only_one(config.home):
        _fresh(config, console)
        launch.check(config)
        (config.home / "demo").mkdir(parents=True)
        Demo(config, data, days, console).run()
