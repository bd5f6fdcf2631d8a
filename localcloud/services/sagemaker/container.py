"""Implements SageMaker's container contract: folders below ``/opt/ml`` and environment.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html

Containers run without Docker: SAGEMAKER_BASE_DIR names the job's own folder, which replaces
``/opt/ml``, and a model server listens on SAGEMAKER_BIND_HOST at port SAGEMAKER_BIND_TO_PORT.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        input_mode: str,
    ) -> None:
        """Writes the three JSON files that describe the job to a training container."""
        self._write("hyperparameters", dict(hyperparameters))
        self._write(
            "inputdataconfig",
            {one["ChannelName"]: _channel_configuration(one, input_mode) for one in channels},
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


def is_local_path(path: str) -> bool:
    """Whether a path of the container is one in its ``/opt/ml``."""
    try:
        Tree(Path(_ROOT)).local_path(path)
    except ValueError:
        return False
    return True


def _channel_configuration(channel: Mapping[str, Any], input_mode: str) -> dict[str, str]:
    source = channel.get("DataSource", {}).get("S3DataSource", {})
    configuration = {
        "TrainingInputMode": channel.get("InputMode", input_mode),
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


def command_environment(
    python: Path, family: str, job: Mapping[str, Any], cloud: Mapping[str, str]
) -> dict[str, str]:
    """Builds the environment of a request's ContainerEntrypoint, which sees ``/opt/ml`` itself.

    It has what SageMaker sets. Variables such as SM_MODEL_DIR are the work of training toolkits,
    which an entrypoint of its own replaces.

    Parameters
    ----------
    python
        Interpreter that the command finds as ``python`` and ``python3``.
    family
        ``Training`` or ``Processing``.
    """
    inherited = _inherited()
    return {
        **inherited,
        "PATH": os.pathsep.join((str(python.parent), inherited.get("PATH", os.defpath))),
        **cloud,
        f"{family.upper()}_JOB_NAME": job[f"{family}JobName"],
        f"{family.upper()}_JOB_ARN": job[f"{family}JobArn"],
        **job.get("Environment", {}),
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
