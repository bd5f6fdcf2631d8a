"""Runs one container's script, and kills all it started when the local cloud dies.

Started as ``python leash.py COMMAND…`` in a process group of its own, with a pipe from the local
cloud as standard input. The pipe closes when the local cloud is gone, however it went; then the
whole group is killed. This works wherever there are process groups, and unlike Linux's
PR_SET_PDEATHSIG it does not fire when merely the thread that started us ends.

Exits as the command did; 128 + N where signal N killed it, as Docker says it.
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
    """Run the command to its end and return what to exit with."""
    # SIGTERM reaches the whole group and is meant for the container, whose end is awaited here. A
    # handler, unlike SIG_IGN, is not inherited by the command.
    signal.signal(signal.SIGTERM, lambda *_: None)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_kill_group_when_orphaned, daemon=True).start()
    code = process.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    # Not sys.exit: the watching thread holds standard input's lock, and would break the exit.
    os._exit(main(sys.argv[1:]))
