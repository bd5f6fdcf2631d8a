"""One process that serves a model: started, watched, and started anew when it dies."""

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
from localcloud.services.sagemaker.container import Process, Tree, serving_environment
from localcloud.services.sagemaker.options import Settings

logger = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"
_STARTUP_POLL = 0.1
_LONGEST_PAUSE = 30.0
_LAST_CHARACTERS = 600


class InstanceError(Exception):
    """A container did not become healthy; the message is fit for a FailureReason."""


@dataclass(frozen=True)
class Serving:
    """What all instances of a variant have in common.

    Parameters
    ----------
    log_group
        CloudWatch's, which each instance has a stream in.
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
    """A container in service, with a thread that keeps it so."""

    def __init__(self, serving: Serving) -> None:
        self.id = f"i-{secrets.token_hex(8)}"
        self.port = 0
        self.healthy = False
        self.in_flight = 0  # changed on the event loop only
        self._serving = serving
        self._settings = serving.settings
        self._stopped = threading.Event()
        self._changed = threading.Event()  # it is to stop, or its process has ended
        self._settled = threading.Event()
        self._failure = ""
        self._process: Process | None = None
        self._keeper = threading.Thread(target=self._keep, name=f"instance-{self.id}", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._keeper.start()

    def stop(self) -> None:
        """End it, with SageMaker's grace; returns when it is gone."""
        self.healthy = False
        self._stopped.set()
        self._changed.set()
        self._keeper.join()

    def await_healthy(self, cancelled: threading.Event) -> None:
        """Return at the first healthy ping.

        Raises
        ------
        InstanceError
            When there is none in time, or the fleet is stopped meanwhile.
        """
        while not self._settled.wait(_STARTUP_POLL):
            if cancelled.is_set():
                raise InstanceError("The endpoint was stopped before it was in service.")
        if self._failure:
            raise InstanceError(self._failure)

    @contextlib.contextmanager
    def serving_one_more(self) -> Iterator[None]:
        """While an invocation is under way."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    def _keep(self) -> None:
        try:
            self._first_start()
            self._stay()
        except Exception as error:  # whoever waits for this instance must hear of it
            logger.exception("instance %s of %s", self.id, self._serving.log_group)
            self._failure = f"InternalServerError: {error}"
        finally:
            self.healthy = False
            self._settled.set()
            if self._process:
                self._process.stop(self._settings.stop_grace)

    def _first_start(self) -> None:
        """Until the first healthy ping, or give up."""
        deadline = time.monotonic() + self._settings.startup_timeout
        for _ in range(self._settings.startup_attempts):
            if self._become_healthy(deadline):
                self._settled.set()
                return
            if self._stopped.is_set() or time.monotonic() >= deadline:
                break
        lines = "\n".join(self._process.last_lines if self._process else ())
        said = f" Last log lines: {lines[-_LAST_CHARACTERS:]}" if lines else ""
        self._failure = (
            f"The primary container for production variant {self._serving.variant} did not pass "
            f"the ping health check. Please check CloudWatch logs for this endpoint.{said}"
        )
        self._stopped.set()

    def _stay(self) -> None:
        """Watch it, and start it anew whenever it dies or falls silent."""
        pause = 1.0
        while not self._stopped.is_set():
            since = time.monotonic()
            self._watch()
            self.healthy = False
            if self._stopped.is_set():
                return
            if time.monotonic() - since > 10 * _LONGEST_PAUSE:
                pause = 1.0
            self._log(f"[local cloud] {self.id} is not healthy; starting it anew")
            while not self._become_healthy(time.monotonic() + self._settings.startup_timeout):
                if self._stopped.wait(pause):
                    return
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _become_healthy(self, deadline: float) -> bool:
        """Start the process and ping until it answers, dies or the time is over."""
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
            serving.python,
            serving.script,
            serving.tree,
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
        """Return when the process has died, is silent, or is to be stopped."""
        failures = 0
        while not self._stopped.is_set() and self._process and self._process.exit_code is None:
            if self._changed.wait(self._settings.ping_interval):
                self._changed.clear()  # perhaps the late word of the process before this one
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
