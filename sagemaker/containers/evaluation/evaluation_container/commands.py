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


COMMANDS: Mapping[str, Command] = {"holdout": holdout}
