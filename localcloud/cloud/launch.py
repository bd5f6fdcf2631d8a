"""Starts, finds and stops a local cloud from another process."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from contracts.errors import LakecastError
from localcloud.cloud.home import LOOPBACK, CloudConfig, read_environment

START_TIMEOUT = 60.0  # seconds; a cold start takes about two
STOP_TIMEOUT = 120.0  # seconds, to deliver Firehose's buffers and stop model servers
POLL = 0.05  # seconds
NOT_RUNNING = "the local cloud is not running; run `make up` first"
NEEDED_DISK = 2 * 1024**3  # bytes, for the demo's data, models and Spark's temporary files


class LocalCloudError(LakecastError):
    """The local cloud cannot be started or stopped; the message says what to do."""


@dataclass(frozen=True)
class LocalCloud:
    """A running local cloud.

    Parameters
    ----------
    config
        Home folder and ports of the cloud.
    pid
        Id of the serving process.
    env
        Environment variables for clients, as in ``local.env``.
    """

    config: CloudConfig
    pid: int
    env: dict[str, str] = field(repr=False)

    @property
    def home(self) -> Path:
        return self.config.home

    @property
    def endpoint_url(self) -> str:
        return self.config.endpoint_url


def find(home: Path) -> LocalCloud | None:
    """Finds the cloud that serves from a home folder, if any.

    A serving process holds a lock in its home folder, so a process id left by a crash is never
    mistaken for a running cloud.
    """
    config = CloudConfig(home=home)
    if serving_pid(config) is None:
        return None
    try:
        record = json.loads(config.record_file.read_text())
        variables = read_environment(config.environment_file)
    except FileNotFoundError:  # the cloud is starting or stopping
        return None
    found = replace(config, port=record["port"], mqtt_port=record["mqtt_port"])
    return LocalCloud(found, record["pid"], variables)


def serving_pid(config: CloudConfig) -> int | None:
    """Returns the id of the process that has locked the home folder, ready or not."""
    try:
        with config.lock_file.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(lock.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


def check(config: CloudConfig) -> None:
    """Checks that a cloud can be started.

    Raises
    ------
    LocalCloudError
        If a port is in use or the disk is nearly full.
    """
    for purpose, option, port in (
        ("AWS's API", "PORT", config.port),
        ("MQTT", "MQTT_PORT", config.mqtt_port),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                raise LocalCloudError(
                    f"port {port} for {purpose} is not available ({error.strerror}"
                    f"{_owner(port)}); choose another one: make up {option}={free_port()}"
                ) from None
    config.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(config.home).free
    if free < NEEDED_DISK:
        raise LocalCloudError(
            f"{config.home.absolute()} has {free / 1024**3:.1f} GB of free space, and the local "
            f"cloud needs {NEEDED_DISK / 1024**3:.0f} GB; free some space, or store its state in "
            "another folder: STATE=FOLDER"
        )


def start(config: CloudConfig, while_waiting: Callable[[], None] = lambda: None) -> LocalCloud:
    """Starts a cloud in the background and waits until it is ready.

    Raises
    ------
    LocalCloudError
        If it cannot be started; the message ends with the last line of its log.
    """
    check(config)
    with config.log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lakecast", "cloud", "serve", *_options(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        cloud = find(config.home)
        if cloud is not None and cloud.pid == process.pid:
            return cloud
        if process.poll() is not None:
            raise LocalCloudError(
                f"the local cloud exited with code {process.returncode} while starting; "
                f"{config.log_file} ends with: {_last_line(config.log_file)}"
            )
        while_waiting()
        time.sleep(POLL)
    process.terminate()
    raise LocalCloudError(
        f"the local cloud was not ready within {START_TIMEOUT:.0f} s; see {config.log_file}"
    )


def stop(config: CloudConfig, while_waiting: Callable[[], None] = lambda: None) -> bool:
    """Stops the cloud of a home folder and waits until it has ended; returns False if none ran.

    Raises
    ------
    LocalCloudError
        If it does not end in time.
    """
    pid = serving_pid(config)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # reaps the process if it is a child of this one
        if serving_pid(config) is None:
            return True
        while_waiting()
        time.sleep(POLL)
    raise LocalCloudError(
        f"the local cloud (process {pid}) did not end within {STOP_TIMEOUT:.0f} s; "
        f"see {config.log_file}"
    )


@contextlib.contextmanager
def running(config: CloudConfig | None = None, home: Path | None = None) -> Iterator[LocalCloud]:
    """Runs a cloud during a ``with`` block, by default on free ports.

    Parameters
    ----------
    config
        Home folder and ports.
    home
        Home folder of a cloud on free ports.
    """
    if config is None:
        if home is None:
            raise ValueError("expected a config or a home folder; got neither")
        config = CloudConfig(home=home, port=free_port(), mqtt_port=free_port())
    cloud = start(config)
    try:
        yield cloud
    finally:
        stop(config)


def free_port() -> int:
    """Returns a TCP port on 127.0.0.1 that is currently free."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def _options(config: CloudConfig) -> list[str]:
    return [
        f"--state={config.home}",
        f"--port={config.port}",
        f"--mqtt-port={config.mqtt_port}",
    ]


def _last_line(path: Path) -> str:
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "(empty)"


def _owner(port: int) -> str:
    """Describes the process that listens on a port, on Linux."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        return ""
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    inodes = {
        row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port
    }
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(descriptor.readlink())
            if target.startswith("socket:[") and target[8:-1] in inodes:
                name = (descriptor.parents[1] / "comm").read_text().strip()
                return f"; used by process {descriptor.parents[1].name}, {name}"
        except OSError:  # a process of another user, or one that has just ended
            continue
    return ""
