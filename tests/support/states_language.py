"""Validates state machines with asl-validator, and their expressions with JSONata's own parser.

Both are programs for Node.js, locked in ``requirements/node`` and installed by `make verify`.
https://states-language.net/spec.html
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.estate.synthesis import node

_MODULES = Path(sys.prefix) / "node"

IS_INSTALLED = (_MODULES / ".ready").exists()
"""Whether the validators are installed."""


def faults(machines: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the faults of each definition, with their places."""
    answer = subprocess.run(
        [str(node()), str(Path(__file__).with_suffix(".mjs")), str(_MODULES)],
        input=json.dumps(machines),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(answer.stdout)
    return found
