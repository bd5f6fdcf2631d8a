"""The estate under trial: the local cloud that is killed, and the jobs whose Spark is killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from contracts.names import TELEMETRY_TO_PARQUET, Names
from device.mqtt.kit import Broker
from device.operator.provisioning import Provisioner
from localcloud.cloud import launch
from localcloud.cloud.home import LOOPBACK, CloudConfig
from localcloud.demo.checks import Estate

ROOT = Path(__file__).resolve().parents[2]
POLL = 0.1
DELIVERY_TIMEOUT = 120.0
LONGEST_ETL = 300.0


class TrialError(Exception):
    """The trial cannot go on; the message says what was expected and what came."""


class Trial:
    """A local cloud with the estate in it.

    Parameters
    ----------
    home
        Its home folder.
    logs
        Folder for what Terraform and the jobs print.
    """

    def __init__(self, home: Path, logs: Path) -> None:
        self._config = CloudConfig(home, launch.free_port(), launch.free_port())
        self._logs = logs
        self._state = threading.Lock()  # held while the cloud is dead
        self._one_etl = threading.Lock()
        self._cloud = launch.start(self._config)
        self.estate = Estate(self._cloud.env)

    @property
    def home(self) -> Path:
        return self._config.home

    @property
    def mqtt_port(self) -> int:
        return self._config.mqtt_port

    def apply(self) -> None:
        """Plan and apply the estate with Terraform."""
        for verb in ("plan", "apply"):
            self._run(verb, "-m", "lakecast", "estate", verb, f"--state={self.home}")

    def provision(self, things: list[str], kits: Path, port: int) -> None:
        """Give each device its certificate; it will look for the broker at that port."""
        names = Names.from_aws(_Session(self.estate), "local")
        broker = Broker(LOOPBACK, port, self._config.ca_file.absolute())
        provisioner = Provisioner(self.estate.client("iot"), names, broker)
        for thing in things:
            provisioner.provision(thing, kits / thing)

    def settle(self) -> None:
        """Stop and start the cloud in order, so that the whole estate is on its disk."""
        launch.stop(self._config)
        self._cloud = launch.start(self._config)

    def kill_cloud(self, dice: random.Random) -> int:
        """Kill broker, Firehose and all services at once, and start them anew."""
        with self._state:
            pid = self._cloud.pid
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            time.sleep(dice.uniform(0.1, 1.5))
            self._cloud = launch.start(self._config)
        return 1

    def await_delivery(self) -> None:
        """Return when Firehose holds nothing back any more."""
        waiting = self.home / "firehose"
        deadline = time.monotonic() + DELIVERY_TIMEOUT
        while any(waiting.iterdir()):
            if time.monotonic() > deadline:
                left = sorted(path.name for path in waiting.iterdir())
                raise TrialError(f"expected Firehose to deliver all; it still holds {left}")
            time.sleep(POLL)

    def etl(self) -> None:
        """Take all that is in raw to the lake."""
        with self._one_etl:
            code = self._start_etl().wait(LONGEST_ETL)
        if code:
            raise TrialError(f"{TELEMETRY_TO_PARQUET} failed: {self._last_words('etl')}")

    def kill_spark(self, dice: random.Random, after: float) -> int:
        """Start the ETL and kill its Spark after some seconds; 0 where it ended before."""
        with self._one_etl:
            client = self._start_etl()
            deadline = time.monotonic() + after
            victims: list[psutil.Process] = []
            while client.poll() is None and (time.monotonic() < deadline or not victims):
                time.sleep(POLL)
                victims = self._spark()
            killed = 0
            if victims and client.poll() is None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    dice.choice(victims).kill()
                    killed = 1
            client.wait(LONGEST_ETL)
        return killed

    def close(self) -> None:
        """End the cloud with all that it started."""
        launch.stop(self._config)

    def _spark(self) -> list[psutil.Process]:
        """The job's Java virtual machine, and the Python that drives it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(self._cloud.pid).children(recursive=True)
            jvms = [one for one in family if _name(one) == "java"]
            return [*jvms, *(parent for jvm in jvms if (parent := jvm.parent()))]
        return []

    def _start_etl(self) -> subprocess.Popen[bytes]:
        # Not while the cloud is dead.
        with self._state, (self._logs / "etl.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "lakecast", "lake", "etl", TELEMETRY_TO_PARQUET],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _run(self, name: str, *command: str) -> None:
        with (self._logs / f"{name}.log").open("wb") as log:
            code = subprocess.run(
                [sys.executable, *command],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        if code:
            raise TrialError(f"{name} exited with {code}: {self._last_words(name)}")

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self._cloud.env, "LAKECAST_ENV": "local"}

    def _last_words(self, name: str) -> str:
        return (self._logs / f"{name}.log").read_text(errors="replace").strip()[-1000:]


class _Session:
    """As much of a boto3 session as `Names.from_aws` asks for."""

    def __init__(self, estate: Estate) -> None:
        self.client: Callable[[str], object] = estate.client
        self.region_name = estate.client("sts").meta.region_name


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""
