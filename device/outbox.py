"""Messages wait here, on disk, until the broker has acknowledged them.

A message is committed before it is published and deleted after its PUBACK, so whatever dies in
between, it is sent at least once. SQLite in WAL mode with ``synchronous=FULL`` syncs every commit
to the disk: https://www.sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from device.errors import OutboxError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL
)
"""


class Parcel(NamedTuple):
    """A message that waits, and its number; numbers grow and are never used twice."""

    number: int
    topic: str
    payload: bytes


class Outbox:
    """A durable queue of messages, for one process at a time.

    Raises
    ------
    OutboxError
        Another process has it open; the file is no outbox; or the disk is full or read-only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=0, isolation_level=None, check_same_thread=False
            )
            # Two agents on one outbox would publish everything twice, so the first keeps the lock
            # until it ends, however it ends.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(_SCHEMA)
            self._waiting: int = self._db.execute("SELECT count(*) FROM outbox").fetchone()[0]
            self._newest = self._last_number()

    @property
    def newest(self) -> int:
        """Number of the newest message that was ever put in; 0 when there was none."""
        return self._newest

    def __len__(self) -> int:
        return self._waiting

    def put(self, topic: str, payloads: Sequence[bytes]) -> None:
        """Add messages in one transaction: when this returns, they are on the disk."""
        with self._transaction():
            self._db.executemany(
                "INSERT INTO outbox (topic, payload) VALUES (?, ?)",
                [(topic, payload) for payload in payloads],
            )
            self._newest = self._last_number()
        self._waiting += len(payloads)

    def after(self, number: int, limit: int) -> list[Parcel]:
        """Up to ``limit`` messages that were put in after the one of that number, oldest first."""
        with self._explained():
            rows = self._db.execute(
                "SELECT id, topic, payload FROM outbox WHERE id > ? ORDER BY id LIMIT ?",
                (number, limit),
            )
            return [Parcel(*row) for row in rows]

    def get(self, numbers: Iterable[int]) -> list[Parcel]:
        """Messages of these numbers that still wait."""
        query = "SELECT id, topic, payload FROM outbox WHERE id = ?"
        with self._explained():
            rows = (self._db.execute(query, (number,)).fetchone() for number in numbers)
            return [Parcel(*row) for row in rows if row]

    def remove(self, numbers: Collection[int]) -> None:
        """Delete acknowledged messages in one transaction."""
        with self._transaction():
            removed = self._db.executemany(
                "DELETE FROM outbox WHERE id = ?", [(number,) for number in numbers]
            ).rowcount
        self._waiting -= removed

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _last_number(self) -> int:
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                reason = "another agent runs with it; stop that one first"
            else:
                reason = f"{error}; see that the folder can be written and the disk has room"
            raise OutboxError(f"outbox {self.path}: {reason}") from error
