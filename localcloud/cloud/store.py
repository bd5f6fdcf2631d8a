"""Persistent store of the resources of SageMaker and Glue."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Store:
    """Documents by kind and name in SQLite; each change is on disk before the call returns.

    Callers get copies; only `put` and `update` change a document.

    Parameters
    ----------
    path
        Database file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS resource "
            "(kind TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, "
            "PRIMARY KEY (kind, name)) WITHOUT ROWID"
        )

    def get(self, kind: str, name: str) -> Record | None:
        """Returns the document, or None."""
        with self.lock:
            row = self._database.execute(
                "SELECT document FROM resource WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
        return _load(row[0]) if row else None

    def put(self, kind: str, name: str, document: Record) -> None:
        """Stores a document, replacing the previous one."""
        with self.lock:
            self._database.execute(
                "INSERT OR REPLACE INTO resource VALUES (?, ?, ?)",
                (kind, name, json.dumps(document, allow_nan=False)),
            )

    def update(self, kind: str, name: str, change: Callable[[Record], None]) -> Record | None:
        """Changes a document atomically and returns it; None if it does not exist."""
        with self.lock:
            document = self.get(kind, name)
            if document is not None:
                change(document)
                self.put(kind, name, document)
            return document

    def delete(self, kind: str, name: str) -> None:
        """Deletes a document if it exists."""
        with self.lock:
            self._database.execute("DELETE FROM resource WHERE kind = ? AND name = ?", (kind, name))

    def all(self, kind: str) -> list[Record]:
        """Returns all documents of a kind, sorted by name."""
        with self.lock:
            rows = self._database.execute(
                "SELECT document FROM resource WHERE kind = ? ORDER BY name", (kind,)
            ).fetchall()
        return [_load(row[0]) for row in rows]

    def close(self) -> None:
        """Closes the database."""
        with self.lock:
            self._database.close()


def _load(text: str) -> Record:
    document: Record = json.loads(text)
    return document
