"""The estate under test: a local cloud that can be killed, and ETL jobs whose Spark can be."""

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
    """The trial cannot continue; the message gives the expected and the actual result."""


class Trial:
    """A local cloud with the estate in it.

    Parameters
    ----------
    home
        Home folder of the cloud.
    logs
        Folder of the output of Terraform and the jobs.
    """

    def __init__(self, home: Path, logs: Path) -> None:
        self._config = CloudConfig(home, launch.free_port(), launch.free_port())
        self._logs = logs
        self._state = threading.Lock()  # held while the cloud is down
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
        """Provision each device with the port of the broker."""
        names = Names.from_aws(_Session(self.estate), "local")
        broker = Broker(LOOPBACK, port, self._config.ca_file.absolute())
        provisioner = Provisioner(self.estate.client("iot"), names, broker)
        for thing in things:
            provisioner.provision(thing, kits / thing)

    def restart(self) -> None:
        """Stop and start the cloud in order, so that the whole estate is on disk."""
        launch.stop(self._config)
        self._cloud = launch.start(self._config)

    def kill_cloud(self, dice: random.Random) -> int:
        """Kill broker, Firehose and all services at once, and restart them."""
        with self._state:
            pid = self._cloud.pid
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            time.sleep(dice.uniform(0.1, 1.5))
            self._cloud = launch.start(self._config)
        return 1

    def await_delivery(self) -> None:
        """Wait until Firehose has delivered everything."""
        waiting = self.home / "firehose"
        deadline = time.monotonic() + DELIVERY_TIMEOUT
        while any(waiting.iterdir()):
            if time.monotonic() > deadline:
                left = sorted(path.name for path in waiting.iterdir())
                raise TrialError(f"expected Firehose to deliver everything; it still holds {left}")
            time.sleep(POLL)

    def etl(self) -> None:
        """Run the ETL on everything in the raw bucket."""
        with self._one_etl:
            code = self._start_etl().wait(LONGEST_ETL)
        if code:
            raise TrialError(f"{TELEMETRY_TO_PARQUET} failed: {self._last_words('etl')}")

    def kill_spark(self, dice: random.Random, after: float) -> int:
        """Start the ETL and kill its Spark after some seconds; return 0 if it ended before."""
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
        """Stop the cloud and all processes that it started."""
        launch.stop(self._config)

    def _spark(self) -> list[psutil.Process]:
        """Return the job's Java virtual machine and its Python driver."""
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(self._cloud.pid).children(recursive=True)
            jvms = [one for one in family if _name(one) == "java"]
            return [*jvms, *(parent for jvm in jvms if (parent := jvm.parent()))]
        return []

    def _start_etl(self) -> subprocess.Popen[bytes]:
        # waits while the cloud is down
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
    """The part of a boto3 session that `Names.from_aws` uses."""

    def __init__(self, estate: Estate) -> None:
        self.client: Callable[[str], object] = estate.client
        self.region_name = estate.client("sts").meta.region_name


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""
