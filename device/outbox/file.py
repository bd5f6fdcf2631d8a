"""The outbox's SQLite file: opened by one process at a time, synced to the disk at every commit.

WAL mode with ``synchronous=FULL``: https://www.sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from device.errors import OutboxBusyError, OutboxError

_TABLES = """
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    put_at REAL NOT NULL DEFAULT 0,
    start TEXT,
    uptime REAL
);
CREATE TABLE IF NOT EXISTS drops (
    reason TEXT PRIMARY KEY,
    messages INTEGER NOT NULL
);
"""


def opened(path: Path) -> sqlite3.Connection:
    """The file, made where there is none, with all tables; nobody else can open it until it is
    closed, or this process has ended.

    Raises
    ------
    OutboxError
        As `explained` says.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        # Two agents on one outbox would publish everything twice, so the first keeps the lock
        # until it ends, however it ends.
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        for statement in _TABLES.split(";"):
            database.execute(statement)
        columns = {row[1] for row in database.execute("PRAGMA table_info(outbox)")}
        for column in ("put_at REAL NOT NULL DEFAULT 0", "start TEXT", "uptime REAL"):
            if column.split()[0] not in columns:  # made by an earlier version of the agent
                database.execute(f"ALTER TABLE outbox ADD COLUMN {column}")
    return database


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say what a failure of the file means.

    Raises
    ------
    OutboxError
        Another process has it open (`OutboxBusyError`); the file is no outbox; or the disk is full
        or read-only.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise OutboxBusyError(
                f"outbox {path}: another agent runs with it; stop that one first"
            ) from error
        raise OutboxError(
            f"outbox {path}: {error}; see that the folder can be written and the disk has room"
        ) from error
