"""What a job says at its end, for people and for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from glue_jobs.objects import object_writer


class JobError(Exception):
    """A job cannot do its work; the message says what is missing and what to do."""


def publish(job: str, counts: Mapping[str, Any], runs: str, run_id: str) -> None:
    """Print the counts as the last line of the output, and keep them at ``runs/job/run.json``."""
    line = json.dumps({"job": job, **counts})
    object_writer()(f"{runs}{job}/{run_id}.json", line)
    print(line, flush=True)


def run_job(main: Callable[[list[str]], None]) -> None:
    """Run a job's main function; what can be foreseen ends it with one line, not a traceback."""
    try:
        main(sys.argv)
    except (JobError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
