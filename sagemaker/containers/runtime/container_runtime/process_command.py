"""The ``process`` command of a container: runs a processing command and reports its result."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping, Sequence

from container_runtime import metric_lines
from container_runtime.errors import CustomerError
from container_runtime.metric_lines import logger
from container_runtime.paths import ContainerPaths

MESSAGE_LIMIT = 1024
"""Number of characters that SageMaker shows as a processing job's ExitMessage."""

Command = Callable[[Sequence[str]], str]
"""A function from options to the job's ExitMessage: its result, in JSON."""


def process(commands: Mapping[str, Command], arguments: Sequence[str]) -> int:
    """Run the command that the first argument names, and return SageMaker's exit code.

    The job's ExitMessage is the command's result, or the reason for its failure.
    """
    metric_lines.configure()
    paths = ContainerPaths.from_environment(os.environ)
    try:
        message, code = _run(commands, arguments), 0
    except CustomerError as error:
        logger.error("Customer Error: %s", error)
        message, code = f"Customer Error: {error}", 1
    except Exception as error:
        logger.error("Processing Error: %s", traceback.format_exc())
        message, code = f"Processing Error: {type(error).__name__}: {error}", 1
    logger.info("%s", message)
    place = paths.base / "output" / "message"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(message[:MESSAGE_LIMIT], encoding="utf-8")
    return code


def _run(commands: Mapping[str, Command], arguments: Sequence[str]) -> str:
    name = arguments[0] if arguments else "nothing"
    if name not in commands:
        raise CustomerError(f"the first argument must be one of {', '.join(commands)}; got {name}")
    message = commands[name](arguments[1:])
    if len(message) > MESSAGE_LIMIT:
        raise ValueError(f"an exit message has at most {MESSAGE_LIMIT} characters: {message}")
    return message
