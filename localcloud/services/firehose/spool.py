"""Records waiting for delivery, kept in files so that a killed process loses none.

A batch is one file: a line of JSON that says what to do with it, then each record as its length
(four bytes, big-endian) and its bytes. A file being filled ends in ``.open``; once sealed it ends
in ``.batch``.
"""

from __future__ import annotations

import json
import struct
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Batch:
    """A sealed batch.

    Parameters
    ----------
    path
        Its file.
    purpose
        The first line of the file, as it was given to `OpenBatch`.
    arrival
        When its oldest record came, seconds since the epoch.
    """

    path: Path
    purpose: dict[str, Any]
    arrival: float

    def records(self) -> Iterator[bytes]:
        """The records in the order of their arrival; one cut short by a crash is left out.

        Such a record was never acknowledged, so its sender still has it.
        """
        with self.path.open("rb") as file:
            file.readline()
            while len(head := file.read(_LENGTH.size)) == _LENGTH.size:
                (length,) = _LENGTH.unpack(head)
                record = file.read(length)
                if len(record) < length:
                    return
                yield record

    def remove(self) -> None:
        """Forget the batch, once it is delivered."""
        self.path.unlink(missing_ok=True)


class OpenBatch:
    """A batch being filled.

    Parameters
    ----------
    folder
        Where its file is made.
    purpose
        What `Batch.purpose` will say; JSON.
    """

    def __init__(self, folder: Path, purpose: dict[str, Any]) -> None:
        self.purpose = purpose
        self.arrival = time.time()
        self.size = 0
        self._path = folder / f"{int(self.arrival * 1000)}-{uuid.uuid4()}.open"
        self._file: IO[bytes] = self._path.open("wb", buffering=0)
        self._file.write(_first_line(purpose, self.arrival))

    def append(self, records: list[bytes]) -> None:
        """Add records, all or none; when this returns, the operating system has them.

        Raises
        ------
        OSError
            They can't be written, for example because the disk is full.
        """
        framed = b"".join(_LENGTH.pack(len(one)) + one for one in records)
        end = self._file.tell()
        left = memoryview(framed)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            # What follows half a record could not be told from it any more.
            self._file.truncate(end)
            self._file.seek(end)
            raise
        self.size += sum(map(len, records))

    def seal(self) -> Batch:
        """Close the batch for delivery."""
        self._file.close()
        return _sealed(self._path, self.purpose, self.arrival)


def left_over(folder: Path) -> list[Batch]:
    """The batches of an earlier process, oldest first; those it was still filling are sealed."""
    batches = []
    for path in sorted([*folder.glob("*.batch"), *folder.glob("*.open")]):
        with path.open("rb") as file:
            line = file.readline()
        if not line.endswith(b"\n"):  # the process died before it took the first record
            path.unlink()
            continue
        first = json.loads(line)
        batches.append(_sealed(path, first["purpose"], first["arrival"]))
    return batches


def _sealed(path: Path, purpose: dict[str, Any], arrival: float) -> Batch:
    return Batch(path.rename(path.with_suffix(".batch")), purpose, arrival)


def _first_line(purpose: dict[str, Any], arrival: float) -> bytes:
    return json.dumps({"arrival": arrival, "purpose": purpose}).encode() + b"\n"
