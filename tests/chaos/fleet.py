"""Runs the devices' agents, one process each, and restarts them when they are killed."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

from tests.chaos.recordings import Recorded

ROOT = Path(__file__).resolve().parents[2]
POLL = 0.1
PATIENCE = "600"  # seconds without a broker before an agent stops


class AgentFailedError(Exception):
    """An agent ended by itself with an error."""


class Fleet:
    """Agents that replay their recordings until the broker has acknowledged all readings.

    Parameters
    ----------
    kits
        Folder of the devices' connection kits.
    logs
        Folder of the agents' output.
    """

    def __init__(self, recorded: list[Recorded], kits: Path, logs: Path) -> None:
        self._recorded = {one.thing_name: one for one in recorded}
        self._kits = kits
        self._logs = logs
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._done: set[str] = set()
        self._stopped = threading.Event()

    @property
    def size(self) -> int:
        return len(self._recorded)

    @property
    def done(self) -> int:
        """Number of devices with all readings acknowledged."""
        return len(self._done)

    def run(self) -> None:
        """Start all agents and wait for their end.

        Raises
        ------
        AgentFailedError
            An agent ended by itself with an error; the message has its last output.
        """
        try:
            for thing_name in self._recorded:
                self._start(thing_name)
            while self._running and not self._stopped.wait(POLL):
                self._look()
        finally:
            for process in self._running.values():
                process.kill()
                process.wait()

    def kill(self, dice: random.Random) -> int:
        """Kill a running agent; return the number of killed agents, 1 or 0."""
        with self._lock:
            if not self._running:
                return 0
            self._running[dice.choice(sorted(self._running))].kill()
        return 1

    def stop(self) -> None:
        """End all agents; `run` returns."""
        self._stopped.set()

    def _look(self) -> None:
        with self._lock:
            for thing_name, process in list(self._running.items()):
                code = process.poll()
                if code is None:
                    continue
                del self._running[thing_name]
                if code == 0:
                    self._done.add(thing_name)
                elif code < 0:  # killed, by `kill`
                    self._start(thing_name)
                else:
                    output = (self._logs / f"{thing_name}.log").read_text().strip()
                    raise AgentFailedError(f"{thing_name} exited with {code}: …{output[-500:]}")

    def _start(self, thing_name: str) -> None:
        one = self._recorded[thing_name]
        command = [
            *(sys.executable, "-m", "lakecast", "device", "replay", "--kits", str(self._kits)),
            *("--thing", thing_name, "--data", str(one.folder), "--columns", str(one.columns)),
            *("--patience", PATIENCE, "--unthrottled"),
        ]
        with (self._logs / f"{thing_name}.log").open("ab") as log:
            self._running[thing_name] = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
