"""Reads the settings files of kits: JSON objects whose members are the fields of a dataclass."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

from contracts.json_text import parsed
from contracts.messages.telemetry import is_thing_name

_HOST = re.compile(r"[A-Za-z0-9:-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?", re.ASCII)
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}|", re.ASCII)
_PORTS = range(1, 65_536)


def read_settings(path: Path, kind: type[Any]) -> dict[str, Any]:
    """Return the fields of a dataclass, except paths, which are not in the file.

    ``host`` is a host name or an address, ``port`` a port; ``ca`` and ``identity`` name files of
    the folder.

    Raises
    ------
    OSError, ValueError
        The file can't be read, or a member is missing, unknown or invalid; the message names it.
    """
    document = parsed(path.read_bytes())
    if not isinstance(document, dict):
        raise ValueError(f"expected a JSON object; got {document!r:.40}")  # noqa: TRY004
    types = {name: one for name, one in get_type_hints(kind).items() if one is not Path}
    required = {one.name for one in fields(kind) if one.default is MISSING} & set(types)
    if unknown := sorted(set(document) - set(types)):
        raise ValueError(f"expected {', '.join(types)}; got {', '.join(unknown)!r:.80}")
    if lacking := sorted(required - set(document)):
        raise ValueError(f"expected {', '.join(lacking)}; got none")
    for name, value in document.items():
        _check(name, value, types[name])
    return document


def _check(name: str, value: object, kind: Any) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        expected = getattr(kind, "__name__", str(kind))
        raise ValueError(f"{name}: expected {expected}; got {value!r:.40}")  # noqa: TRY004
    if name == "thing_name" and not is_thing_name(str(value)):
        raise ValueError(f"{name}: expected the name of a thing; got {value!r:.40}")
    if name == "port" and value not in _PORTS:
        raise ValueError(f"port: expected 1 to 65535; got {value!r:.40}")
    if name == "host" and _HOST.fullmatch(str(value)) is None:
        raise ValueError(f"host: expected a host name or an address; got {value!r:.40}")
    if name in ("ca", "identity") and value and _FILE_NAME.fullmatch(str(value)) is None:
        raise ValueError(f"{name}: expected the name of a file in the folder; got {value!r:.40}")
