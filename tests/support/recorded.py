"""Folder of the recorded data sets that some tests use, and skip without."""

from __future__ import annotations

import os
from pathlib import Path

RECORDED = Path(os.environ.get("LAKECAST_DATA") or "../shared/data")
