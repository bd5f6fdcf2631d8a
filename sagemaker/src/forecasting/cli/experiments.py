"""Implements ``make experiments``: mirrors jobs as runs in MLflow, and shows them in a browser."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from contracts.names import Names
from contracts.settings.schema import Settings
from forecasting.errors import ForecastingError
from forecasting.experiments import training_runs
from forecasting.experiments.store import ExperimentStore, local_uri, server_arn
from forecasting.experiments.telemetry import WITHOUT_TELEMETRY
from forecasting.releases import registry

VERSIONS = 100
"""Number of newest versions to read again, because their approval may have changed."""

LOOPBACK = "127.0.0.1"
_STARTUP_SECONDS = 120
_STOP_SECONDS = 10


@dataclass(frozen=True)
class Options:
    """Options of ``make experiments``.

    Parameters
    ----------
    store
        Folder of this machine's own MLflow store.
    tracking_uri
        MLflow server to use; None means that of the settings or, without one, the store.
    page_port
        Port of the page.
    """

    store: Path
    tracking_uri: str | None
    show: bool
    page_port: int


def run(options: Options, session: Any, names: Names, settings: Settings, console: Console) -> None:
    """Mirrors the jobs and, if requested, shows the experiment."""
    tracking_uri = options.tracking_uri or tracking_uri_of(names, settings, options.store)
    experiment_id = mirror(session, names, tracking_uri, options.store, console)
    if options.show:
        show(
            session,
            names,
            tracking_uri,
            f"/#/experiments/{experiment_id}",
            port=options.page_port,
            console=console,
        )
    else:
        console.print("next: make experiments SHOW=1")


def tracking_uri_of(names: Names, settings: Settings, folder: Path) -> str:
    """Returns SageMaker managed MLflow if it is in the settings, otherwise the local store."""
    return server_arn(names) if settings.experiments.tracking_server else local_uri(folder)


def mirror(session: Any, names: Names, tracking_uri: str, folder: Path, console: Console) -> str:
    """Updates the environment's experiment from its jobs and registry, and returns its id.

    Parameters
    ----------
    folder
        Folder of this machine's store, if `tracking_uri` is that store.
    """
    is_local = tracking_uri == local_uri(folder)
    artifacts = (folder.absolute() / "artifacts").as_uri() if is_local else None
    with console.status("opening the experiment"):
        store = ExperimentStore(tracking_uri, names.experiment, artifacts)
    new = changed = 0
    with console.status("reading jobs") as status:
        done = store.done
        for jobs in (training_runs.tuning_jobs, training_runs.training_jobs):  # parents first
            for run in jobs(session, names, done):
                status.update(f"reading {run.job}")
                if store.put(run):
                    new += 1
                else:
                    changed += 1
        for version in registry.versions(session, names, VERSIONS):
            job = version.metadata.get("training_job", "")
            tags, measured = training_runs.verdict(version)
            store.tag(job, tags)
            store.measure(job, measured)
    console.print(
        f"experiment {names.experiment}: {new} new runs, {changed} brought up to date, "
        f"{len(done)} were complete, in {tracking_uri}",
        soft_wrap=True,
    )
    return store.experiment_id


def show(
    session: Any, names: Names, tracking_uri: str, page: str, *, port: int, console: Console
) -> None:
    """Prints the experiment's address; serves this machine's store until Ctrl-C."""
    if tracking_uri.startswith("arn:"):
        url = session.client("sagemaker").create_presigned_mlflow_tracking_server_url(
            TrackingServerName=names.tracking_server
        )["AuthorizedUrl"]
        console.print(f"open within five minutes: {url}", soft_wrap=True)
    elif tracking_uri.startswith("http"):
        console.print(f"open {tracking_uri.rstrip('/')}{page}")
    else:
        log = Path(tracking_uri.removeprefix("sqlite:///")).with_name("server.log")
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # also ends the server
        status = console.status("starting MLflow")
        with status, _serving(tracking_uri, port, log) as server:
            status.stop()
            console.print(f"open http://{LOOPBACK}:{port}{page} (Ctrl-C ends it)", soft_wrap=True)
            server.wait()


@contextmanager
def _serving(tracking_uri: str, port: int, log_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Starts MLflow's server for this machine's store, on loopback only; yields when it responds.

    Raises
    ------
    ForecastingError
        The server does not respond, for example because the port is in use.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", tracking_uri]
    options = ["--host", LOOPBACK, "--port", str(port), "--workers", "1"]
    with log_file.open("wb") as log:
        server = subprocess.Popen(
            [*command, *options],
            env={**os.environ, **WITHOUT_TELEMETRY, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # allows all of its processes to be stopped
        )
    try:
        _await_answer(server, port, log_file)
        yield server
    finally:
        _end(server)


def _await_answer(server: subprocess.Popen[bytes], port: int, log_file: Path) -> None:
    deadline = time.monotonic() + _STARTUP_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    last = lines[-1].strip() if lines else "it said nothing"
    raise ForecastingError(f"MLflow's server does not answer on port {port}: {last} ({log_file})")


def _end(server: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(_STOP_SECONDS)
            return
