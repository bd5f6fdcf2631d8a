"""Where the resources of SageMaker and Glue are kept, so that they outlive the process."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Store:
    """Documents by kind and name, in SQLite; every change is on disk before the call returns.

    Callers get copies: a document changes through `put` and `update` only.

    Parameters
    ----------
    path
        The database file; its folder must exist.
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
        """The document, or None."""
        with self.lock:
            row = self._database.execute(
                "SELECT document FROM resource WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
        return _load(row[0]) if row else None

    def put(self, kind: str, name: str, document: Record) -> None:
        """Keep a document in place of the one that was there."""
        with self.lock:
            self._database.execute(
                "INSERT OR REPLACE INTO resource VALUES (?, ?, ?)",
                (kind, name, json.dumps(document)),
            )

    def update(self, kind: str, name: str, change: Callable[[Record], None]) -> Record | None:
        """Change a document in place, alone; None where it is gone."""
        with self.lock:
            document = self.get(kind, name)
            if document is not None:
                change(document)
                self.put(kind, name, document)
            return document

    def delete(self, kind: str, name: str) -> None:
        """Forget a document; nothing happens where there is none."""
        with self.lock:
            self._database.execute("DELETE FROM resource WHERE kind = ? AND name = ?", (kind, name))

    def all(self, kind: str) -> list[Record]:
        """All documents of a kind, by name."""
        with self.lock:
            rows = self._database.execute(
                "SELECT document FROM resource WHERE kind = ? ORDER BY name", (kind,)
            ).fetchall()
        return [_load(row[0]) for row in rows]

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self._database.close()


def _load(text: str) -> Record:
    document: Record = json.loads(text)
    return document
