"""Runs Checkov on the Terraform of all environments and compares it with the declared skips.

Checkov does not read skips in Terraform's JSON, so it reports every finding. This module requires
a reason in the resource's comment for each finding (`infra.modules.core.skips`), and a finding for
each reason.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.errors import LakecastError
from contracts.names import ENVIRONMENTS, Names
from infra.estate.place import STACKS
from infra.estate.synthesis import synthesise
from infra.modules.core.skips import COMMENT
from infra.terraform.progress import CONSOLE

_ACCOUNT = "123456789012"  # AWS's example account: a scan does not call AWS
_REGION = "eu-west-1"


class ScanError(LakecastError):
    """Checkov is missing, fails, or did not check every stack."""


@dataclass(frozen=True, order=True)
class Finding:
    """A check that a resource fails.

    Parameters
    ----------
    stack
        ``<environment>/<stack>``.
    name
        The resource's name in Terraform, without its type, which Checkov does not always report.
    """

    stack: str
    name: str
    check: str

    def __str__(self) -> str:
        return f"{self.stack}: {self.name} and {self.check}"


@dataclass(frozen=True)
class Verdict:
    """Mismatches between findings and reasons; all are empty if the scan passes."""

    unexplained: tuple[Finding, ...]
    unused: tuple[Finding, ...]
    reasonless: tuple[Finding, ...]

    @property
    def is_good(self) -> bool:
        return not (self.unexplained or self.unused or self.reasonless)


def reasons(stack: str, document: Mapping[str, Any]) -> dict[Finding, str]:
    """Returns the reasons in a synthesised stack's comments."""
    return {
        Finding(stack, name, check): reason
        for resources in document.get("resource", {}).values()
        for name, resource in resources.items()
        for check, reason in resource.get("//", {}).get(COMMENT, {}).items()
    }


def findings(report: Mapping[str, Any]) -> frozenset[Finding]:
    """Returns the findings in Checkov's report.

    Raises
    ------
    ScanError
        Checkov checked nothing, or could not read a file.
    """
    summary = report.get("summary", report)
    if summary.get("parsing_errors") or not summary.get("passed"):
        raise ScanError(
            f"checkov passed {summary.get('passed', 0)} checks and could not read "
            f"{summary.get('parsing_errors', 0)} file(s); expected it to read every stack"
        )
    return frozenset(
        Finding(
            str(Path(check["file_path"]).parent).strip("/"),
            check["resource"].rpartition(".")[2],
            check["check_id"],
        )
        for check in report["results"]["failed_checks"]
    )


def judge(found: Iterable[Finding], given: Mapping[Finding, str]) -> Verdict:
    """Compares findings with reasons."""
    found = frozenset(found)
    return Verdict(
        unexplained=tuple(sorted(found - given.keys())),
        unused=tuple(sorted(given.keys() - found)),
        reasonless=tuple(sorted(one for one, reason in given.items() if not reason.strip())),
    )


def run(home: Path) -> int:
    """Scans all environments and prints the result.

    Returns
    -------
    int
        0 if every finding has a reason and every reason a finding, otherwise 1.

    Raises
    ------
    ScanError
        Checkov is not installed or does not work.
    """
    checkov = Path(sys.prefix) / "scan/bin/checkov"
    if not checkov.exists():
        raise ScanError(f"{checkov} is missing; `make scan` installs it")
    folder = home / "scan"
    shutil.rmtree(folder, ignore_errors=True)
    with CONSOLE.status("synthesising all environments"):
        # only the account and region of these names are used: each stack has its environment's
        synthesise(ENVIRONMENTS, Names(ENVIRONMENTS[0], _ACCOUNT, _REGION), folder)
    given: dict[Finding, str] = {}
    for environment in ENVIRONMENTS:
        for stack in STACKS:
            path = folder / environment / stack / "cdk.tf.json"
            document = json.loads(path.read_text(encoding="utf-8"))
            given |= reasons(f"{environment}/{stack}", document)
            document.pop("terraform", None)  # checkov 3.3.30 fails on required_version
            path.write_text(json.dumps(document, indent=2, allow_nan=False), encoding="utf-8")
    with CONSOLE.status("checkov"):
        report = _checkov(checkov, folder)
    found = findings(report)
    verdict = judge(found, given)
    for title, faults in (
        ("fails a check without a reason", verdict.unexplained),
        ("has a reason for a check that it passes", verdict.unused),
        ("skips a check without a reason", verdict.reasonless),
    ):
        for fault in faults:
            print(f"{fault}: {title}")
    print(
        f"{len(ENVIRONMENTS)} environments, {len(STACKS)} stacks each: "
        f"{report['summary']['passed']} checks passed, {len(found & given.keys())} skipped with a "
        f"reason, {len(verdict.unexplained)} failed, {len(verdict.unused)} skips unused"
    )
    return 0 if verdict.is_good else 1


def _checkov(binary: Path, folder: Path) -> dict[str, Any]:
    answer = subprocess.run(
        [binary, "--directory", str(folder), "--framework", "terraform_json", "--output", "json",
         "--quiet", "--compact", "--skip-download"],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    try:
        report: dict[str, Any] = json.loads(answer.stdout)
    except ValueError:
        last = (answer.stderr.strip().splitlines() or ["no output"])[-1]
        raise ScanError(f"checkov ended with {answer.returncode} and no report: {last}") from None
    return report
