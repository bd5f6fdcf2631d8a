"""Loads an environment's settings: ``base.toml``, and the environment's own file over it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.names import ENVIRONMENTS
from contracts.settings.layers import Layers, SettingsError
from contracts.settings.schema import Settings

FOLDER = Path(__file__).resolve().parents[2] / "infra" / "environments"


@dataclass(frozen=True)
class Setting:
    """A setting in effect, and the file that sets it.

    Parameters
    ----------
    key
        Path in the file, for example ``retention.log_days``.
    value
        As the file writes it.
    """

    key: str
    value: Any
    file: Path

    def __str__(self) -> str:
        """A line of TOML, with the file as its comment."""
        return f"{self.key} = {json.dumps(self.value)} # {self.file.name}"


def load(environment: str, folder: Path = FOLDER) -> Settings:
    """Read and check an environment's settings.

    Parameters
    ----------
    folder
        Folder of ``base.toml`` and ``<environment>.toml``.

    Raises
    ------
    SettingsError
        There is no such environment, a file is missing or not TOML, or settings are missing,
        unknown or make no sense; every complaint names file and key, what was expected and what
        the file says.
    """
    return _checked(environment, _layers(environment, folder))


def effective(environment: str, folder: Path = FOLDER) -> list[Setting]:
    """Settings of an environment one by one, in the order of ``base.toml``, with their files.

    Raises
    ------
    SettingsError
        As from `load`.
    """
    layers = _layers(environment, folder)
    _checked(environment, layers)
    return [
        Setting(".".join(key), value, Path(layers.sources(key)[0]))
        for key, value in layers.leaves()
    ]


def _layers(environment: str, folder: Path) -> Layers:
    if environment not in ENVIRONMENTS:
        raise SettingsError(f"ENV must be one of {', '.join(ENVIRONMENTS)}; got {environment}")
    return Layers.read(folder / "base.toml", folder / f"{environment}.toml")


def _checked(environment: str, layers: Layers) -> Settings:
    return layers.validate(Settings, context={"environment": environment})
