"""Stores records that wait for delivery in files, so that none is lost if the process is killed.

A batch is one file: a line of JSON with its purpose, then each record as its length (four bytes,
big-endian) and its bytes. The name of a file that is being filled ends in ``.open``, that of a
sealed one in ``.batch``.
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
        File of the batch.
    purpose
        Purpose of the batch, as passed to `OpenBatch`.
    arrival
        Arrival of the oldest record in seconds since the epoch.
    """

    path: Path
    purpose: dict[str, Any]
    arrival: float

    def records(self) -> Iterator[bytes]:
        """Yields the records in order of arrival, except one that a crash truncated.

        A truncated record was never acknowledged, so its sender still has it.
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
        """Deletes the batch after its delivery."""
        self.path.unlink(missing_ok=True)


class OpenBatch:
    """A batch being filled.

    Parameters
    ----------
    folder
        Folder of the file.
    purpose
        JSON document that becomes `Batch.purpose`.
    """

    def __init__(self, folder: Path, purpose: dict[str, Any]) -> None:
        self.purpose = purpose
        self.arrival = time.time()
        self.size = 0
        self._path = folder / f"{int(self.arrival * 1000)}-{uuid.uuid4()}.open"
        self._file: IO[bytes] = self._path.open("wb", buffering=0)
        self._file.write(_first_line(purpose, self.arrival))

    def append(self, records: list[bytes]) -> None:
        """Adds all records or none; when this returns, the operating system has them.

        Raises
        ------
        OSError
            If they cannot be written, for example because the disk is full.
        """
        framed = b"".join(_LENGTH.pack(len(one)) + one for one in records)
        end = self._file.tell()
        left = memoryview(framed)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            # Records after a partial record could not be read.
            self._file.truncate(end)
            self._file.seek(end)
            raise
        self.size += sum(map(len, records))

    def seal(self) -> Batch:
        """Closes the batch for delivery."""
        self._file.close()
        return _sealed(self._path, self.purpose, self.arrival)


def remaining_batches(folder: Path) -> list[Batch]:
    """Returns the batches of an earlier process, oldest first, and seals the open ones."""
    batches = []
    for path in sorted([*folder.glob("*.batch"), *folder.glob("*.open")]):
        with path.open("rb") as file:
            line = file.readline()
        if not line.endswith(b"\n"):  # the process ended before it accepted the first record
            path.unlink()
            continue
        first = json.loads(line)
        batches.append(_sealed(path, first["purpose"], first["arrival"]))
    return batches


def _sealed(path: Path, purpose: dict[str, Any], arrival: float) -> Batch:
    return Batch(path.rename(path.with_suffix(".batch")), purpose, arrival)


def _first_line(purpose: dict[str, Any], arrival: float) -> bytes:
    return json.dumps({"arrival": arrival, "purpose": purpose}, allow_nan=False).encode() + b"\n"
