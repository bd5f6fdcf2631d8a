from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from localcloud.services.sagemaker.container import (
    Process,
    Tree,
    serving_environment,
    training_environment,
)
from tests.support.processes import assert_ended


class Run:
    """A script run as in a container, and its output."""

    def __init__(self, folder: Path, script: str) -> None:
        path = folder / "script"
        path.write_text(script)
        self.lines: list[str] = []
        self.ended = threading.Event()
        self.process = Process(
            sys.executable,
            path,
            Tree(folder),
            {"PYTHONUNBUFFERED": "1"},
            on_line=self._line,
            on_end=self.ended.set,
        )

    def _line(self, line: str) -> None:
        self.lines.append(line)

    def result(self) -> int | None:
        assert self.ended.wait(20)
        return self.process.exit_code


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("print('out')", 0),
        ("import sys; print('out'); sys.exit(7)", 7),
        ("import os, signal; print('out'); os.kill(os.getpid(), signal.SIGKILL)", 137),
    ],
)
def test_exit_code_is_the_scripts_and_all_output_is_read(
    tmp_path: Path, script: str, code: int
) -> None:
    run = Run(tmp_path, script)
    assert run.result() == code
    assert run.lines == ["out"]


def test_standard_output_and_error_are_one_log_in_order(tmp_path: Path) -> None:
    run = Run(tmp_path, "import sys; print(1); print(2, file=sys.stderr); print(3)")
    run.result()
    assert run.lines == ["1", "2", "3"]


def test_stop_lets_a_container_finish(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        "import signal, sys, time\n"
        "def finish(*_): print('saved'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, finish)\n"
        "print('ready')\n"
        "time.sleep(60)",
    )
    while not run.lines:
        assert not run.ended.wait(0.02)
    assert run.process.stop(grace=20) == 0
    assert run.lines == ["ready", "saved"]


def test_stop_kills_a_container_that_ignores_sigterm(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready')\n"
        "time.sleep(60)",
    )
    while not run.lines:
        assert not run.ended.wait(0.02)
    assert run.process.stop(grace=0.1) == 137


def test_children_left_behind_are_killed(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        "import subprocess; print(subprocess.Popen(['sleep', '60']).pid)",
    )
    assert run.result() == 0
    assert_ended([int(run.lines[0])])


def test_training_container_gets_its_job_and_no_administrator_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the administrator's")
    job = {
        "TrainingJobName": "job",
        "TrainingJobArn": "arn",
        "InputDataConfig": [{"ChannelName": "train"}],
        "Environment": {"EXTRA": "1"},
    }
    environment = training_environment(Tree(tmp_path), job, {"AWS_ACCESS_KEY_ID": "role's"})
    assert environment["TRAINING_JOB_NAME"] == "job"
    assert environment["SM_CHANNEL_TRAIN"] == str(tmp_path / "input" / "data" / "train")
    assert environment["EXTRA"] == "1"
    assert environment["AWS_ACCESS_KEY_ID"] == "role's"
    assert "AWS_SECRET_ACCESS_KEY" not in environment
    assert environment["PATH"] == os.environ["PATH"]


def test_serving_container_gets_its_address(tmp_path: Path) -> None:
    environment = serving_environment(Tree(tmp_path), 1234, {"A": "1"}, {})
    assert environment["SAGEMAKER_BIND_TO_PORT"] == "1234"
    assert environment["SAGEMAKER_BIND_HOST"] == "127.0.0.1"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["A"] == "1"
