"""Commands of ``process``. Each imports its module when called, because pandas takes a second.

A command's options name folders below ``/opt/ml/processing`` that it reads and writes. It returns
JSON of at most 1,024 characters, the job's ExitMessage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from container_runtime.process_command import Command


def holdout(arguments: Sequence[str]) -> str:
    """Write the channels that a tuning job trains and tests on."""
    from evaluation_container.preparation import tuning_channels as work  # noqa: PLC0415

    return work.holdout(arguments)


def origins(arguments: Sequence[str]) -> str:
    """Write the channel that a candidate is trained on, and the data that it is judged on."""
    from evaluation_container.preparation import origins as work  # noqa: PLC0415

    return work.origins(arguments)


def judge(arguments: Sequence[str]) -> str:
    """Decide whether a candidate may replace the champion."""
    from evaluation_container.judgement import judge as work  # noqa: PLC0415

    return work.judge(arguments)


def instances(arguments: Sequence[str]) -> str:
    """Write the newest history of every series as the instances of a batch transform."""
    from evaluation_container.nightly import forecasts as work  # noqa: PLC0415

    return work.instances(arguments)


def publish(arguments: Sequence[str]) -> str:
    """Write the results of a batch transform as rows of the lake."""
    from evaluation_container.nightly import forecasts as work  # noqa: PLC0415

    return work.publish(arguments)


def drift(arguments: Sequence[str]) -> str:
    """Measure how the last week differs from the model's reference."""
    from evaluation_container.drift import monitor as work  # noqa: PLC0415

    return work.drift(arguments)


COMMANDS: Mapping[str, Command] = {
    "holdout": holdout,
    "origins": origins,
    "judge": judge,
    "instances": instances,
    "publish": publish,
    "drift": drift,
}
