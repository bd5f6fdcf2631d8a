"""Runs a container's command as a process group that ends with the local cloud."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from localcloud.cloud import leash

_LEASH = Path(leash.__file__)
_LAST_LINES = 15


class Process:
    """A running command of a container and all processes that it starts.

    Parameters
    ----------
    command
        Program and arguments.
    folder
        Working folder.
    on_line
        Function called in a separate thread with each line of output.
    on_end
        Function called in a separate thread after the process ended and its output was read.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        *,
        on_line: Callable[[str], None],
        on_end: Callable[[], None],
    ) -> None:
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._on_line = on_line
        self._on_end = on_end
        self._ended = threading.Event()
        self._code = 0
        self._popen = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LEASH), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        threading.Thread(target=self._await_end, daemon=True).start()

    @property
    def exit_code(self) -> int | None:
        """Exit code: None while it runs, 128 + N if signal N killed it, as in Docker."""
        return self._code if self._ended.is_set() else None

    def stop(self, grace: float) -> int:
        """Sends SIGTERM and, after ``grace`` seconds, SIGKILL, as SageMaker does."""
        if not self._ended.is_set():
            self._signal(signal.SIGTERM)
            if not self._ended.wait(grace):
                self._signal(signal.SIGKILL)
                self._ended.wait()
        return self._code

    def _await_end(self) -> None:
        code = self._popen.wait()
        self._signal(signal.SIGKILL)  # remaining child processes would keep the output open
        self._reader.join()
        if self._popen.stdin:
            self._popen.stdin.close()
        self._code = code if code >= 0 else 128 - code
        self._ended.set()
        self._on_end()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._popen.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # all processes have ended; macOS reports this as PermissionError

    def _read(self) -> None:
        for raw in self._popen.stdout or ():
            line = raw.decode(errors="replace").rstrip("\r\n")
            self.last_lines.append(line)
            self._on_line(line)
