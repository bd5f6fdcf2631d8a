"""Runs a command and kills it and its child processes when the local cloud ends.

Usage: ``python leash.py COMMAND…`` in a new process group, with a pipe from the local cloud as
standard input. The pipe closes when the local cloud ends for any reason; then the whole group is
killed. This works on every system with process groups. Unlike Linux's PR_SET_PDEATHSIG, it does not
take effect when only the thread that started the process ends.

The exit code is the command's; if signal N killed it, 128 + N as in Docker.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def _kill_group_when_orphaned() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os.killpg(0, signal.SIGKILL)


def main(command: list[str]) -> int:
    """Runs the command until it ends and returns the exit code."""
    # SIGTERM reaches the whole group but is meant for the command; this process waits for the
    # command to end. Unlike SIG_IGN, a handler is not inherited by the command.
    signal.signal(signal.SIGTERM, lambda *_: None)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_kill_group_when_orphaned, daemon=True).start()
    code = process.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    # Not sys.exit, which would fail because the watching thread holds the lock of standard input.
    os._exit(main(sys.argv[1:]))
