"""Loads an environment's settings: ``base.toml``, overridden by the environment's own file."""

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
            Value as written in the file.
    """

    key: str
    value: Any
    file: Path

    def __str__(self) -> str:
        """Formats the setting as a line of TOML, with the file in a comment."""
        return f"{self.key} = {json.dumps(self.value)} # {self.file.name}"


def load(environment: str, folder: Path = FOLDER) -> Settings:
    """Reads and validates an environment's settings.

    Parameters
    ----------
    folder
        Folder of ``base.toml`` and ``<environment>.toml``.

    Raises
    ------
    SettingsError
        The environment does not exist, a file is missing or is not TOML, or settings are missing,
        unknown or invalid; each complaint names the file, the key, and the expected and actual
        values.
    """
    return _checked(environment, _layers(environment, folder))


def effective(environment: str, folder: Path = FOLDER) -> list[Setting]:
    """Returns an environment's settings in the order of ``base.toml``, each with its file.

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
