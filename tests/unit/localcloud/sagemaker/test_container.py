from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from localcloud.services.sagemaker.container import (
    Tree,
    command_environment,
    serving_environment,
    training_environment,
)
from localcloud.services.sagemaker.jobs import mounted
from localcloud.services.sagemaker.process import Process
from tests.support.processes import assert_ended


class Run:
    """A script or another command run as in a container, and its output."""

    def __init__(self, folder: Path, script: str, command: list[str] | None = None) -> None:
        path = folder / "script"
        path.write_text(script)
        self.lines: list[str] = []
        self.ended = threading.Event()
        self.process = Process(
            command or [sys.executable, str(path)],
            folder,
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


def test_command_of_a_request_sees_its_folder_where_a_container_has_it(tmp_path: Path) -> None:
    script = (
        "import os; os.makedirs('/opt/ml/model'); open('/opt/ml/model/said', 'w').write('it');"
        "print(os.getcwd(), os.getuid(), sorted(os.listdir('/opt')))"
    )
    entries = {path.name for path in Path("/opt").iterdir()} | {"ml"}
    command = mounted.command(tmp_path, [sys.executable, "script"])
    run = Run(tmp_path, script, command)
    assert run.result() == 0, run.lines
    assert run.lines == [f"/opt/ml 0 {sorted(entries)}"]
    assert (tmp_path / "model" / "said").read_text() == "it"


def test_commands_at_the_same_time_see_folders_of_their_own(tmp_path: Path) -> None:
    runs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        script = f"cat; echo {name} > /opt/ml/{name}; ls /opt/ml"
        runs.append(Run(folder, "", mounted.command(folder, ["sh", "-c", script])))
    assert [run.result() for run in runs] == [0, 0]
    assert [run.lines for run in runs] == [["one", "script"], ["script", "two"]]


def test_command_that_does_not_exist_ends_as_in_docker(tmp_path: Path) -> None:
    run = Run(tmp_path, "", mounted.command(tmp_path, ["/opt/ml/nothing"]))
    assert run.result() == 127
    assert run.lines == ["cannot run /opt/ml/nothing: No such file or directory"]


def test_signals_reach_a_mounted_command(tmp_path: Path) -> None:
    script = "trap 'echo stopping; exit 3' TERM; echo ready; sleep 60 & wait"
    run = Run(tmp_path, "", mounted.command(tmp_path, ["sh", "-c", script]))
    while not run.lines:
        assert not run.ended.wait(0.02)
    assert run.process.stop(grace=10) == 3
    assert run.lines == ["ready", "stopping"]


def test_command_of_a_request_gets_what_sagemaker_sets_and_no_variables_of_a_toolkit() -> None:
    job = {
        "TrainingJobName": "job",
        "TrainingJobArn": "arn",
        "Environment": {"FOLDER": "/opt/ml/model"},
    }
    python = Path("/somewhere/bin/python")
    environment = command_environment(python, "Training", job, {"AWS_REGION": "eu-west-1"})
    assert environment["TRAINING_JOB_NAME"] == "job"
    assert environment["FOLDER"] == "/opt/ml/model"
    assert environment["PATH"].startswith("/somewhere/bin:")
    assert not [name for name in environment if name.startswith(("SM_", "SAGEMAKER_"))]


def test_serving_container_gets_its_address(tmp_path: Path) -> None:
    environment = serving_environment(Tree(tmp_path), 1234, {"A": "1"}, {})
    assert environment["SAGEMAKER_BIND_TO_PORT"] == "1234"
    assert environment["SAGEMAKER_BIND_HOST"] == "127.0.0.1"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["A"] == "1"
