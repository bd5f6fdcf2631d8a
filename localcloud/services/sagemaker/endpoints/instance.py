"""Starts and watches a process that serves a model, and restarts it if it fails."""

from __future__ import annotations

import contextlib
import http.client
import logging
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.cloud.aws_api import AwsError
from localcloud.services.sagemaker.account import Account, Role
from localcloud.services.sagemaker.cloudwatch import Telemetry
from localcloud.services.sagemaker.container import Tree, serving_environment
from localcloud.services.sagemaker.options import Settings
from localcloud.services.sagemaker.process import Process

logger = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_STARTUP_POLL = 0.1
_MAX_PAUSE = 30.0
_LOG_CHARACTERS = 600


class InstanceError(Exception):
    """A container did not become healthy; the message can be used as a FailureReason."""


@dataclass(frozen=True)
class Serving:
    """Properties shared by all instances of a variant.

    Parameters
    ----------
    log_group
        CloudWatch log group, with one stream per instance.
    """

    log_group: str
    variant: str
    script: Path
    tree: Tree
    python: str
    model_environment: Mapping[str, str]
    identity: Account | Role
    settings: Settings
    telemetry: Telemetry


class Instance:
    """A serving container, with a thread that keeps it healthy."""

    def __init__(self, serving: Serving) -> None:
        self.id = f"i-{secrets.token_hex(8)}"
        self.port = 0
        self.healthy = False
        self.in_flight = 0  # changed on the event loop only
        self._serving = serving
        self._settings = serving.settings
        self._stopped = threading.Event()
        self._changed = threading.Event()  # stop requested or process ended
        self._settled = threading.Event()
        self._failure = ""
        self._process: Process | None = None
        self._keeper = threading.Thread(target=self._keep, name=f"instance-{self.id}", daemon=True)

    def start(self) -> None:
        """Starts the instance and returns at once."""
        self._keeper.start()

    def stop(self) -> None:
        """Stops the instance, with a grace period as in SageMaker, and waits for its end."""
        self.healthy = False
        self._stopped.set()
        self._changed.set()
        self._keeper.join()

    def await_healthy(self, cancelled: threading.Event) -> None:
        """Waits for the first healthy ping.

        Raises
        ------
        InstanceError
            If there is none in time or the fleet is stopped.
        """
        while not self._settled.wait(_STARTUP_POLL):
            if cancelled.is_set():
                raise InstanceError("The endpoint was stopped before it was in service.")
        if self._failure:
            raise InstanceError(self._failure)

    @contextlib.contextmanager
    def counting_invocation(self) -> Iterator[None]:
        """Counts an invocation as in flight while the context is open."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    def _keep(self) -> None:
        try:
            self._start_first_time()
            self._keep_healthy()
        except Exception as error:  # reported to the thread that waits for this instance
            logger.exception("instance %s of %s", self.id, self._serving.log_group)
            self._failure = f"InternalServerError: {error}"
        finally:
            self.healthy = False
            self._settled.set()
            if self._process:
                self._process.stop(self._settings.stop_grace)

    def _start_first_time(self) -> None:
        """Starts the process until its first healthy ping or until the attempts are used up."""
        deadline = time.monotonic() + self._settings.startup_timeout
        for _ in range(self._settings.startup_attempts):
            if self._become_healthy(deadline):
                self._settled.set()
                return
            if self._stopped.is_set() or time.monotonic() >= deadline:
                break
        lines = "\n".join(self._process.last_lines if self._process else ())
        log = f" Last log lines: {lines[-_LOG_CHARACTERS:]}" if lines else ""
        self._failure = (
            f"The primary container for production variant {self._serving.variant} did not pass "
            f"the ping health check. Please check CloudWatch logs for this endpoint.{log}"
        )
        self._stopped.set()

    def _keep_healthy(self) -> None:
        """Watches the process and restarts it whenever it exits or stops responding."""
        pause = 1.0
        while not self._stopped.is_set():
            since = time.monotonic()
            self._watch()
            self.healthy = False
            if self._stopped.is_set():
                return
            if time.monotonic() - since > 10 * _MAX_PAUSE:
                pause = 1.0
            self._log(f"[local cloud] {self.id} is not healthy; restarting it")
            while not self._become_healthy(time.monotonic() + self._settings.startup_timeout):
                if self._stopped.wait(pause):
                    return
                pause = min(2 * pause, _MAX_PAUSE)

    def _become_healthy(self, deadline: float) -> bool:
        """Starts the process and pings it until it is healthy, exits or reaches the deadline."""
        if self._process:
            self._process.stop(self._settings.stop_grace)
        self._changed.clear()
        if self._stopped.is_set():
            return False
        self.port = _free_port()
        serving = self._serving
        try:
            identity = serving.identity.environment()
        except AwsError as error:
            self._log(f"[local cloud] {error.message}")
            return False
        self._process = Process(
            [serving.python, str(serving.script)],
            serving.tree.base,
            serving_environment(serving.tree, self.port, serving.model_environment, identity),
            on_line=self._log,
            on_end=self._changed.set,
        )
        while time.monotonic() < deadline and not self._stopped.is_set():
            if self._ping():
                self.healthy = True
                return True
            if self._process.exit_code is not None:
                return False
            self._changed.wait(_STARTUP_POLL)
        return False

    def _watch(self) -> None:
        """Returns when the process has exited, does not respond or must stop."""
        failures = 0
        while not self._stopped.is_set() and self._process and self._process.exit_code is None:
            if self._changed.wait(self._settings.ping_interval):
                self._changed.clear()  # perhaps the end of the previous process, set late
                continue
            failures = 0 if self._ping() else failures + 1
            if failures >= self._settings.ping_failures:
                return

    def _ping(self) -> bool:
        connection = http.client.HTTPConnection(
            _LOOPBACK, self.port, timeout=self._settings.ping_timeout
        )
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _log(self, line: str) -> None:
        serving = self._serving
        serving.telemetry.log(serving.log_group, f"{serving.variant}/{self.id}", line)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port
