from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from localcloud.services.sagemaker.container import Tree
from localcloud.services.sagemaker.endpoints.instance import Instance, InstanceError, Serving
from localcloud.services.sagemaker.options import Settings

# Healthy unless the model folder contains a file `sick`; if TURN is "recovers", a start removes it.
SERVE = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

sick = Path(os.environ["SM_MODEL_DIR"]) / "sick"
if sick.exists() and os.environ["TURN"] == "recovers":
    sick.unlink()

class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(500 if sick.exists() else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

address = (os.environ["SAGEMAKER_BIND_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
print("serving", flush=True)
HTTPServer(address, Handler).serve_forever()
"""


@pytest.fixture
def instance_of(tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    """Makes instances and stops them at the end of the test."""
    made: list[Instance] = []
    script = tmp_path / "serve"
    script.write_text(SERVE)
    tree = Tree(tmp_path / "tree")
    tree.create()

    def make(turn: str, startup_timeout: float) -> Instance:
        lines: list[str] = []
        serving = Serving(
            log_group="g",
            variant="v",
            script=script,
            tree=tree,
            python=sys.executable,
            model_environment={"TURN": turn},
            identity=SimpleNamespace(environment=dict),  # type: ignore[arg-type]
            settings=Settings(
                containers=(),
                stop_grace=5,
                startup_timeout=startup_timeout,
                ping_interval=0.05,
                ping_failures=2,
            ),
            telemetry=SimpleNamespace(log=lambda *event: lines.append(event[2])),  # type: ignore[arg-type]
        )
        instance = Instance(serving)
        instance.lines = lines  # type: ignore[attr-defined]
        made.append(instance)
        instance.start()
        return instance

    yield make
    for instance in made:
        instance.stop()


def test_instance_that_stops_responding_is_restarted(
    instance_of: Callable[..., Instance], tmp_path: Path
) -> None:
    instance = instance_of("recovers", startup_timeout=20)
    instance.await_healthy(threading.Event())
    port = instance.port
    (tmp_path / "tree" / "model" / "sick").touch()
    pause = threading.Event()
    while not (instance.healthy and instance.port != port):
        pause.wait(0.02)
    assert instance.lines.count("serving") == 2  # type: ignore[attr-defined]


def test_instance_that_is_never_healthy_reports_its_last_log_lines(
    instance_of: Callable[..., Instance], tmp_path: Path
) -> None:
    (tmp_path / "tree" / "model" / "sick").touch()
    instance = instance_of("stays", startup_timeout=1)
    with pytest.raises(InstanceError, match=r"did not pass the ping health check.*serving"):
        instance.await_healthy(threading.Event())
    assert not instance.healthy


def test_waiting_ends_when_the_fleet_is_stopped(
    instance_of: Callable[..., Instance], tmp_path: Path
) -> None:
    (tmp_path / "tree" / "model" / "sick").touch()
    instance = instance_of("stays", startup_timeout=60)
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(InstanceError, match="stopped before it was in service"):
        instance.await_healthy(cancelled)
