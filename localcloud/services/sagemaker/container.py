"""Implements SageMaker's container contract: folders below ``/opt/ml``, environment, process.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html

Containers run without Docker: SAGEMAKER_BASE_DIR names the job's own folder, which replaces
``/opt/ml``, and a model server listens on SAGEMAKER_BIND_HOST at port SAGEMAKER_BIND_TO_PORT.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.cloud import leash

_LEASH = Path(leash.__file__)
_LAST_LINES = 15
_FAILURE_CHARACTERS = 1024  # SageMaker's limit for a FailureReason
_ROOT = "/opt/ml"
# Variables of the local cloud's environment that a container inherits.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Tree:
    """The folder that serves as a container's ``/opt/ml``."""

    base: Path

    @property
    def data(self) -> Path:
        return self.base / "input" / "data"

    @property
    def configuration(self) -> Path:
        return self.base / "input" / "config"

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def output(self) -> Path:
        return self.base / "output"

    def create(self) -> None:
        """Creates all folders of the contract."""
        folders = (self.data, self.configuration, self.model, self.output / "data")
        for folder in (*folders, self.base / "code", self.base / "checkpoints"):
            folder.mkdir(parents=True, exist_ok=True)

    def configure(
        self,
        hyperparameters: Mapping[str, str],
        channels: Sequence[Mapping[str, Any]],
        instance_type: str,
    ) -> None:
        """Writes the three JSON files that describe the job to a training container."""
        self._write("hyperparameters", dict(hyperparameters))
        self._write(
            "inputdataconfig",
            {channel["ChannelName"]: _channel_configuration(channel) for channel in channels},
        )
        self._write(
            "resourceconfig",
            {
                "current_host": "algo-1",
                "current_instance_type": instance_type,
                "current_group_name": "homogeneousCluster",
                "hosts": ["algo-1"],
                "instance_groups": [
                    {
                        "instance_group_name": "homogeneousCluster",
                        "instance_type": instance_type,
                        "hosts": ["algo-1"],
                    }
                ],
                "network_interface_name": "lo",
            },
        )

    def failure(self) -> str:
        """Reads ``output/failure``; returns an empty text if the container wrote none."""
        return self._read_output("failure")

    def message(self) -> str:
        """Reads ``output/message``, the exit message of a processing container."""
        return self._read_output("message")

    def local_path(self, path: str) -> Path:
        """Converts a path of the container, such as ``/opt/ml/processing/input``, to a local one.

        Raises
        ------
        ValueError
            If the path is not below ``/opt/ml``.
        """
        local = (self.base / path.removeprefix(_ROOT).lstrip("/")).resolve()
        if not path.startswith(f"{_ROOT}/") or not local.is_relative_to(self.base.resolve()):
            raise ValueError(f"expected a path below {_ROOT}; got {path}")
        return local

    def to_local_paths(self, text: str) -> str:
        """Replaces ``/opt/ml/`` in a text by the local folder."""
        return text.replace(f"{_ROOT}/", f"{self.base}/")

    def _read_output(self, name: str) -> str:
        path = self.output / name
        if not path.is_file():
            return ""
        return path.read_text(errors="replace").strip()[:_FAILURE_CHARACTERS]

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        (self.configuration / f"{name}.json").write_text(
            json.dumps(content, indent=1, allow_nan=False)
        )


def _channel_configuration(channel: Mapping[str, Any]) -> dict[str, str]:
    source = channel.get("DataSource", {}).get("S3DataSource", {})
    configuration = {
        "TrainingInputMode": channel.get("InputMode", "File"),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    if "ContentType" in channel:
        configuration["ContentType"] = channel["ContentType"]
    return configuration


def training_environment(
    tree: Tree, job: Mapping[str, Any], cloud: Mapping[str, str]
) -> dict[str, str]:
    """Builds the environment of ``train``.

    Parameters
    ----------
    job
        Training job as in DescribeTrainingJob's response.
    cloud
        Variables with the cloud's endpoint and region and the credentials of the job's role.
    """
    channels = [channel["ChannelName"] for channel in job.get("InputDataConfig", [])]
    instance_type = job.get("ResourceConfig", {}).get("InstanceType", "")
    return {
        **_inherited(),
        **cloud,
        "SAGEMAKER_BASE_DIR": str(tree.base),
        "TRAINING_JOB_NAME": job["TrainingJobName"],
        "TRAINING_JOB_ARN": job["TrainingJobArn"],
        "SM_MODEL_DIR": str(tree.model),
        "SM_INPUT_DIR": str(tree.base / "input"),
        "SM_INPUT_CONFIG_DIR": str(tree.configuration),
        "SM_OUTPUT_DIR": str(tree.output),
        "SM_OUTPUT_DATA_DIR": str(tree.output / "data"),
        "SM_CHANNELS": json.dumps(channels, allow_nan=False),
        "SM_HPS": json.dumps(job.get("HyperParameters", {}), allow_nan=False),
        "SM_CURRENT_HOST": "algo-1",
        "SM_HOSTS": '["algo-1"]',
        "SM_NUM_CPUS": str(os.cpu_count() or 1),
        "SM_NUM_GPUS": "0",
        "SM_CURRENT_INSTANCE_TYPE": instance_type,
        "SM_TRAINING_ENV": json.dumps({"job_name": job["TrainingJobName"]}, allow_nan=False),
        **{f"SM_CHANNEL_{name.upper()}": str(tree.data / name) for name in channels},
        **job.get("Environment", {}),
    }


def processing_environment(
    tree: Tree, job: Mapping[str, Any], cloud: Mapping[str, str]
) -> dict[str, str]:
    """Builds the environment of a processing container, with local paths."""
    return {
        **_inherited(),
        **cloud,
        "SAGEMAKER_BASE_DIR": str(tree.base),
        "PROCESSING_JOB_NAME": job["ProcessingJobName"],
        "PROCESSING_JOB_ARN": job["ProcessingJobArn"],
        **{name: tree.to_local_paths(value) for name, value in job.get("Environment", {}).items()},
    }


def serving_environment(
    tree: Tree, port: int, model: Mapping[str, str], cloud: Mapping[str, str]
) -> dict[str, str]:
    """Builds the environment of ``serve``.

    Limits numerical libraries to one thread: with two under contention, the p99 latency of a
    forecast grows a hundredfold.
    """
    return {
        **_inherited(),
        "OMP_NUM_THREADS": "1",
        **cloud,
        **model,
        "SAGEMAKER_BASE_DIR": str(tree.base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SAGEMAKER_BIND_HOST": "127.0.0.1",
        "SM_MODEL_DIR": str(tree.model),
    }


def _inherited() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1"}


class Process:
    """A running script of a container and all processes that it starts.

    Parameters
    ----------
    python
        Interpreter of the script.
    on_line
        Function called in a separate thread with each line of output.
    on_end
        Function called in a separate thread after the process ended and its output was read.
    """

    def __init__(
        self,
        python: str,
        script: Path,
        tree: Tree,
        environment: Mapping[str, str],
        *,
        on_line: Callable[[str], None],
        on_end: Callable[[], None],
        arguments: Sequence[str] = (),
    ) -> None:
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._on_line = on_line
        self._on_end = on_end
        self._ended = threading.Event()
        self._code = 0
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LEASH), python, str(script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=tree.base,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        threading.Thread(target=self._await_end, daemon=True).start()

    @property
    def exit_code(self) -> int | None:
        """Exit code: None while it runs, 128 + N if signal N killed it, as in Docker."""
        return self._code if self._ended.is_set() else None

    def stop(self, grace: float) -> int:
        """Sends SIGTERM and, after ``grace`` seconds, SIGKILL, as SageMaker does."""
        if not self._ended.is_set():
            self._signal(signal.SIGTERM)
            if not self._ended.wait(grace):
                self._signal(signal.SIGKILL)
                self._ended.wait()
        return self._code

    def _await_end(self) -> None:
        code = self._popen.wait()
        self._signal(signal.SIGKILL)  # remaining child processes would keep the output open
        self._reader.join()
        if self._popen.stdin:
            self._popen.stdin.close()
        self._code = code if code >= 0 else 128 - code
        self._ended.set()
        self._on_end()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._popen.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # all processes have ended; macOS reports this as PermissionError

    def _read(self) -> None:
        for raw in self._popen.stdout or ():
            line = raw.decode(errors="replace").rstrip("\r\n")
            self.last_lines.append(line)
            self._on_line(line)
