"""Checks whether processes run, for tests that processes end with their parent."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

PATIENCE = 20.0


def running(pid: int) -> bool:
    """Returns whether a process runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status != "Z"


def assert_ended(pids: Iterable[int]) -> None:
    """Asserts that killed processes end, which may take the kernel a moment."""
    deadline = time.monotonic() + PATIENCE
    for pid in pids:
        while running(pid):
            assert time.monotonic() < deadline, f"process {pid} still runs"
            time.sleep(0.02)
