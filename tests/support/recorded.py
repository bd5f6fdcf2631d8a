"""Recorded data sets that some tests use and skip without, and files that tests write and read."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from contracts.recordings.column_map import ColumnMap
from contracts.recordings.left_out import LeftOut
from contracts.recordings.recorded_file import RecordedFile, Row

RECORDED = Path(os.environ.get("LAKECAST_DATA") or "../shared/data")

LONDON = ColumnMap.named("london")


def own(text: str = "", columns: str = "ozone = 'o3'", time: str = "'date'") -> str:
    """Return a map of one file per station, in TOML."""
    return f"file_pattern = '(?P<station>.+)\\.csv'\ntime = {time}\n{text}\n[columns]\n{columns}\n"


def read(
    folder: Path, content: str | bytes, columns: ColumnMap | str = LONDON, **options: bool
) -> tuple[list[Row], list[str]]:
    """Return the rows of a file, and the notes on what is left out, without the path."""
    path = folder / "my1.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if isinstance(columns, str):
        (folder / "map.toml").write_text(columns)
        columns = ColumnMap.from_toml(folder / "map.toml")
    left_out = LeftOut(path)
    rows = list(RecordedFile.open(path, columns).rows(left_out, **options))
    return rows, [note.removeprefix(f"left out: {path}, ") for note in left_out.notes()]


def at(text: str) -> datetime:
    """Return a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
