"""Folder of the recorded data sets that some tests use, and skip without."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "LAKECAST_TEST_DATA"
"""Keeps ``LAKECAST_DATA`` for the processes of a parallel run: the verbs take that for ``--data``,
so `tests/conftest.py` removes it."""

RECORDED = Path(
    os.environ.get(VARIABLE) or os.environ.get("LAKECAST_DATA") or Path("../shared/data")
)
