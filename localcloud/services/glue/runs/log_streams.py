"""Sends the lines of a growing log file to CloudWatch Logs."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger(__name__)

EVENTS_PER_CALL = 5_000  # AWS accepts 10,000 events or 1 MiB per call
CHARACTERS_PER_LINE = 16_000


class LogFile:
    """Standard output or standard error of a run.

    If CloudWatch Logs refuses lines, the server's log says so; the file keeps every line.

    Parameters
    ----------
    logs
        Client of CloudWatch Logs.
    path
        File that the process writes.
    group, stream
        Destination of the lines; created if missing.
    """

    def __init__(self, logs: Any, path: Path, group: str, stream: str) -> None:
        self.path = path
        self._logs = logs
        self._group = group
        self._stream = stream
        self._exists = False
        self._sent = 0  # bytes

    def add_line(self, line: str) -> None:
        """Appends a line and sends it; must not be called while a process writes to the file."""
        with self.path.open("ab") as file:
            file.write(f"{line}\n".encode())
        self.send(everything=True)

    def send(self, *, everything: bool = False) -> None:
        """Sends the complete lines, or ``everything`` once the process has ended."""
        with self.path.open("rb") as file:
            file.seek(self._sent)
            text = file.read()
        if not everything:
            text = text[: text.rfind(b"\n") + 1]
        self._sent += len(text)
        now = int(time.time() * 1000)
        events = [
            {"timestamp": now, "message": line[:CHARACTERS_PER_LINE]}
            for line in text.decode(errors="replace").splitlines()
            if line.strip()
        ]
        try:
            for start in range(0, len(events), EVENTS_PER_CALL):
                self._put(events[start : start + EVENTS_PER_CALL])
        except (ClientError, BotoCoreError):
            logger.exception("%d log lines of %s were not sent", len(events), self._stream)

    def _put(self, events: list[dict[str, Any]]) -> None:
        names = {"logGroupName": self._group, "logStreamName": self._stream}
        if not self._exists:
            self._ensure(self._logs.create_log_group, logGroupName=self._group)
            self._ensure(self._logs.create_log_stream, **names)
            self._exists = True
        self._logs.put_log_events(**names, logEvents=events)

    def _ensure(self, create: Any, **names: str) -> None:
        try:
            create(**names)
        except self._logs.exceptions.ResourceAlreadyExistsException:
            logger.debug("%s exists already", names)
