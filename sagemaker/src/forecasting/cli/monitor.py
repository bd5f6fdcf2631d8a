"""Implements ``make monitor``: compares the last week with the model's reference data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from contracts.lake.locations import NIGHTLY
from contracts.names import Names
from forecasting.machines import executions

REPORT, PAGE = "drift.json", "drift.html"


def run(session: Any, names: Names, output: Path, console: Console) -> None:
    """Measures drift, prints each statistic with its limit, and saves the HTML report.

    Parameters
    ----------
    output
        Folder for the report.

    Raises
    ------
    ForecastingError
        No version of the model is approved, the version has no reference, or a step failed.
    """
    with console.status(names.nightly_machine) as status:
        done = executions.run(
            session,
            names,
            names.nightly_machine,
            {"only_drift": True},
            lambda state: status.update(f"{names.nightly_machine}: {state}"),
        )
    s3, bucket = session.client("s3"), names.bucket(NIGHTLY.purpose)
    folder = f"{NIGHTLY.prefix}{done['run']}/drift/"
    report = json.load(s3.get_object(Bucket=bucket, Key=f"{folder}{REPORT}")["Body"])
    output.mkdir(parents=True, exist_ok=True)
    s3.download_file(bucket, f"{folder}{PAGE}", str(output / PAGE))
    console.print(findings_table(report))
    console.print(f"page {output / PAGE}", soft_wrap=True)


def findings_table(report: Mapping[str, Any]) -> Table:
    """Builds a table with a row per check; values beyond their limit are bold."""
    when = report["origin"][:16].replace("T", " ")
    table = Table(
        title=f"The week up to {when} UTC against the reference of version {report['version']}"
    )
    for title in ("check", "of"):
        table.add_column(title)
    for title in ("statistic", "limit", "ratio"):
        table.add_column(title, justify="right")
    table.add_column("verdict")
    for finding in report["findings"]:
        table.add_row(
            finding["check"],
            finding["subject"].replace("_", " "),
            *(_number(finding[name]) for name in ("value", "limit", "ratio")),
            finding["verdict"],
            style="bold" if finding["verdict"] == "beyond" else None,
        )
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
