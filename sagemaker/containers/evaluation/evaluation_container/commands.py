"""What ``process`` can do. Each command imports its work when it is called: pandas takes a second.

A command gets its options, reads and writes folders below ``/opt/ml/processing`` that they name,
and returns JSON of at most 1,024 characters, the job's ExitMessage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluation_container.process_command import Command


def holdout(arguments: Sequence[str]) -> str:
    """Write the channels that a tuning job trains and measures on."""
    from evaluation_container import holdout as work  # noqa: PLC0415

    return work.holdout(arguments)


def instances(arguments: Sequence[str]) -> str:
    """Write the newest history of every series, as a model is asked in batch."""
    from evaluation_container import batch as work  # noqa: PLC0415

    return work.instances(arguments)


def publish(arguments: Sequence[str]) -> str:
    """Write a model's answers in batch as rows of the lake."""
    from evaluation_container import batch as work  # noqa: PLC0415

    return work.publish(arguments)


COMMANDS: Mapping[str, Command] = {
    "holdout": holdout,
    "instances": instances,
    "publish": publish,
}
