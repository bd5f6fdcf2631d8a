"""Processes windows of a lake in a folder, one after the other, in a process that can be killed.

Usage: ``python lake_runner.py FOLDER START/END…``. It prints ``ready``, waits for a line before the
first window, and prints the counts of each run.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from glue_jobs.runs.arguments import TelemetryArguments
from glue_jobs.telemetry_to_parquet import run
from tests.support.glue.spark import spark

PLACES = ("raw_telemetry", "raw_errors", "telemetry", "quarantine")


def main(folder: str, windows: list[str]) -> None:
    """Run the job over each window."""
    session = spark()
    print("ready", flush=True)
    sys.stdin.readline()
    for window in windows:
        start, end = map(datetime.fromisoformat, window.split("/"))
        places: dict[str, Any] = {name: f"file://{folder}/{name}/" for name in PLACES}
        arguments = TelemetryArguments(**places, start=start, end=end, run_id="run")
        print(json.dumps(run(session, arguments)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
