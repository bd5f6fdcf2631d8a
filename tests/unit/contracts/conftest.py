"""Leaves out folders in the lane of Spark 4: no Glue job uses them, so it lacks their libraries."""

from __future__ import annotations

from importlib.util import find_spec

_LIBRARIES = {"models": "jsonata", "settings": "pydantic"}

collect_ignore = [folder for folder, library in _LIBRARIES.items() if find_spec(library) is None]
