"""Settings of an environment with changes, as models or as files."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

from contracts.settings.layers import Layers
from contracts.settings.load import FOLDER
from contracts.settings.schema import Settings


def changed(environment: str, changes: dict[str, Any]) -> Settings:
    """Returns an environment's settings, overridden by a document."""
    files = Layers.read(FOLDER / "base.toml", FOLDER / f"{environment}.toml")
    return files.over(changes, "the test").validate(Settings)


def write_changed(folder: Path, environment: str, changes: str) -> Path:
    """Writes a folder of settings with lines of TOML added to an environment's own file."""
    own = Layers.read(FOLDER / f"{environment}.toml").over(tomllib.loads(changes), "the test")
    lines = [f"{'.'.join(key)} = {json.dumps(value)}\n" for key, value in own.leaves()]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(FOLDER / "base.toml", folder)
    (folder / f"{environment}.toml").write_text("".join(lines), encoding="utf-8")
    return folder
