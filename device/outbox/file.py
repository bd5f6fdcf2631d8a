"""Opens the outbox's SQLite file: for one process at a time, synced to disk at every commit.

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


def open_database(path: Path) -> sqlite3.Connection:
    """Open or create the file with all tables, with an exclusive lock.

    The lock is held until the file is closed or this process ends.

    Raises
    ------
    OutboxError
        See `outbox_errors`.
    """
    with outbox_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        # Two agents with one outbox would publish everything twice, so the first one keeps the
        # lock until its process ends.
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        for statement in _TABLES.split(";"):
            database.execute(statement)
        columns = {row[1] for row in database.execute("PRAGMA table_info(outbox)")}
        for column in ("put_at REAL NOT NULL DEFAULT 0", "start TEXT", "uptime REAL"):
            if column.split()[0] not in columns:  # created by an earlier version of the agent
                database.execute(f"ALTER TABLE outbox ADD COLUMN {column}")
    return database


@contextmanager
def outbox_errors(path: Path) -> Iterator[None]:
    """Convert errors of the file into outbox errors.

    Raises
    ------
    OutboxError
        Another process has the file open (`OutboxBusyError`), it is not an outbox, or the disk is
        full or read-only.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise OutboxBusyError(
                f"outbox {path}: another agent runs with it; stop that one first"
            ) from error
        raise OutboxError(
            f"outbox {path}: {error}; check that the folder is writable and the disk has room"
        ) from error
