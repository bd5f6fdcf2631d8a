"""Stores messages on disk until the broker has acknowledged them.

A message is committed before it is published and deleted after its PUBACK, so it is sent at least
once, even if the agent or the station fails in between.

Size and age are limited. Beyond a limit, the oldest messages are dropped and counted by reason in
the same transaction, so that nothing is lost silently.

Messages of a station whose clock is not set are held: they are stored with the others, but not
published before they are dated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from device.clock import Clock
from device.outbox.file import open_database, outbox_errors
from device.outbox.retention import Drops, Limits

_COUNT_DROPS = """
INSERT INTO drops VALUES (?, ?)
ON CONFLICT (reason) DO UPDATE SET messages = messages + excluded.messages
"""
_AGE_CHECK_SECONDS = 60.0
_Row = tuple[str, bytes, float, str | None, float | None]


class Parcel(NamedTuple):
    """A stored message and its number; numbers increase and are never reused."""

    number: int
    topic: str
    payload: bytes


class Outbox:
    """A durable, bounded queue of messages, for one process at a time.

    Parameters
    ----------
    clock
        Seconds since 1970, for the age of messages.
    expire
        Whether to drop messages beyond the limits when opening.

    Raises
    ------
    OutboxError
        Another process has the file open (`OutboxBusyError`), it is not an outbox, or the disk is
        full or read-only.
    """

    _waiting: int
    _bytes: int
    _held: int
    _newest: int
    _drops: Drops

    def __init__(
        self,
        path: Path,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.time,
        expire: bool = True,
    ) -> None:
        self.path = path
        self._limits = limits or Limits()
        self._clock = clock
        self._db = open_database(path)
        with outbox_errors(path):
            self._read_state()
        self._dropped_earlier = self._drops.total
        with self._transaction():  # even with nothing to drop: checks that the file is writable
            if expire:
                self._enforce(spare=())

    @property
    def newest(self) -> int:
        """Number of the newest message ever added; 0 without any."""
        return self._newest

    @property
    def held(self) -> int:
        """Number of stored messages without a date."""
        return self._held

    @property
    def size(self) -> int:
        """Bytes of all stored payloads."""
        return self._bytes

    @property
    def drops(self) -> Drops:
        """Numbers of messages dropped since the outbox was created."""
        return self._drops

    @property
    def dropped(self) -> int:
        """Number of messages dropped since the outbox was opened."""
        return self._drops.total - self._dropped_earlier

    def __len__(self) -> int:
        return self._waiting

    def put(self, topic: str, payloads: Sequence[bytes], *, spare: Collection[int] = ()) -> None:
        """Add messages in one transaction; they are on disk when this returns.

        Parameters
        ----------
        spare
            Numbers of messages in flight to the broker, which are never dropped: a message that is
            delivered must not count as dropped.
        """
        now = self._clock()
        self._insert([(topic, payload, now, None, None) for payload in payloads], spare)

    def hold(
        self,
        topic: str,
        payloads: Sequence[tuple[bytes, float]],
        start: str,
        spare: Collection[int],
    ) -> None:
        """Add messages without a date, each with the uptime at which it was taken.

        Parameters
        ----------
        start
            Id of the station's start that the uptimes belong to.
        """
        self._insert([(topic, payload, 0.0, start, uptime) for payload, uptime in payloads], spare)

    def date(self, clock: Clock, dated: Callable[[bytes, datetime], bytes]) -> None:
        """Date all held messages, so that they can be published.

        Parameters
        ----------
        clock
            A clock that is set.
        dated
            Function that writes a time into a payload.
        """
        now, uptime = clock.now(), clock.uptime()
        query = "SELECT id, payload, start, uptime FROM outbox WHERE start IS NOT NULL ORDER BY id"
        lost = []
        with self._transaction():
            for number, payload, start, taken in self._db.execute(query).fetchall():
                if start != clock.start:
                    lost.append(number)
                    continue
                moment = now - timedelta(seconds=uptime - taken)
                written = dated(payload, moment)
                self._bytes += len(written) - len(payload)
                self._db.execute(
                    "UPDATE outbox SET payload = ?, put_at = ?, start = NULL, uptime = NULL "
                    "WHERE id = ?",
                    (written, moment.timestamp(), number),
                )
            self._drop(undated=lost)
            self._held = 0

    def _insert(self, rows: Sequence[_Row], spare: Collection[int]) -> None:
        with self._transaction():
            self._db.executemany(
                "INSERT INTO outbox (topic, payload, put_at, start, uptime) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            self._newest = self._last_number()
            self._waiting += len(rows)
            self._held += sum(start is not None for *_, start, _ in rows)
            self._bytes += sum(len(payload) for _, payload, *_ in rows)
            self._enforce(spare)

    def after(self, number: int, limit: int) -> list[Parcel]:
        """Return up to ``limit`` messages after a number, oldest first."""
        with outbox_errors(self.path):
            rows = self._db.execute(
                "SELECT id, topic, payload FROM outbox WHERE id > ? AND start IS NULL "
                "ORDER BY id LIMIT ?",
                (number, limit),
            )
            return [Parcel(*row) for row in rows]

    def get(self, numbers: Iterable[int]) -> list[Parcel]:
        """Return the messages of these numbers that are still stored."""
        query = "SELECT id, topic, payload FROM outbox WHERE id = ?"
        with outbox_errors(self.path):
            rows = (self._db.execute(query, (number,)).fetchone() for number in numbers)
            return [Parcel(*row) for row in rows if row]

    def remove(self, numbers: Collection[int]) -> None:
        """Delete acknowledged messages in one transaction."""
        with self._transaction():
            self._delete(numbers)

    def oldest(self) -> datetime | None:
        """Return the time at which the oldest stored message was added, by the clock then."""
        with outbox_errors(self.path):
            row = self._db.execute("SELECT put_at FROM outbox ORDER BY id LIMIT 1").fetchone()
        return datetime.fromtimestamp(row[0], UTC) if row else None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_state(self) -> None:
        self._waiting, self._bytes, self._held = self._db.execute(
            "SELECT count(*), coalesce(sum(length(payload)), 0), count(start) FROM outbox"
        ).fetchone()
        self._newest = self._last_number()
        self._drops = Drops(**dict(self._db.execute("SELECT reason, messages FROM drops")))
        self._age_checked = float("-inf")

    def _enforce(self, spare: Collection[int]) -> None:
        """Drop the oldest messages while a limit is exceeded."""
        now = self._clock()
        if self._bytes <= self._limits.max_bytes and (
            abs(now - self._age_checked) < _AGE_CHECK_SECONDS
        ):
            return
        self._age_checked = now
        rows = self._db.execute("SELECT id, length(payload), put_at FROM outbox ORDER BY id")
        expired, surplus = self._limits.beyond(rows, self._bytes, now, spare)
        rows.close()
        self._drop(age=expired, size=surplus)

    def _drop(self, **numbers: Collection[int]) -> None:
        """Delete messages and count them by reason."""
        for reason, dropped in numbers.items():
            if dropped:
                self._delete(dropped)
                self._db.execute(_COUNT_DROPS, (reason, len(dropped)))
                so_far = getattr(self._drops, reason)
                self._drops = replace(self._drops, **{reason: so_far + len(dropped)})

    def _delete(self, numbers: Collection[int]) -> None:
        for number in numbers:
            row = self._db.execute(
                "DELETE FROM outbox WHERE id = ? RETURNING length(payload), start IS NOT NULL",
                (number,),
            ).fetchone()
            if row:
                self._waiting -= 1
                self._bytes -= row[0]
                self._held -= row[1]

    def _last_number(self) -> int:
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Run a transaction; after a failure, file and counts are as before."""
        with outbox_errors(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk may have ended it
                    self._db.execute("ROLLBACK")
                self._read_state()
                raise
