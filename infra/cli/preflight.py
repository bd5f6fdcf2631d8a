"""Implements ``make preflight``: runs all checks, and prints a line for each finding."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from infra.estate import place
from infra.preflight.account import account_of
from infra.preflight.checks import CHECKS
from infra.preflight.findings import Finding, run


def preflight(environment: str, home: Path, backend: str | None) -> int:
    """Checks the account of the current credentials, and returns the exit code.

    Raises
    ------
    SettingsError, PlaceError
        The settings are invalid, or the credentials give no account: nothing can be checked.
    """
    here = place.find(environment, home, backend, os.environ)
    account = account_of(here)
    found = []
    for finding in run(CHECKS, account):
        print(finding.line(_WIDTH), flush=True)
        found.append(finding)
    return _end(found, environment)


_WIDTH = len("ml.c5.2xlarge for processing job usage")


def _end(found: list[Finding], environment: str) -> int:
    counts = Counter(finding.verdict for finding in found)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    if any(finding.blocks for finding in found):
        return 1
    print(f"next   make plan ENV={environment}")
    return 0
