"""Reports for tests, with every hop."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from smoke.report import OK, HopResult, Report
from smoke.walk import HOPS

ON_AWS = ("glue.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com")


def report(**changes: Any) -> Report:
    """A report from AWS in which every hop passed."""
    hops = tuple(
        HopResult(hop.name, hop.title, OK, 10.0, 0.01, hop.expected, f"{hop.name} works")
        for hop in HOPS
    )
    whole = Report(
        environment="dev",
        region="eu-west-1",
        run="261201100000ab",
        commit="0123456789ab",
        started=datetime(2026, 12, 1, 10, tzinfo=UTC),
        seconds=900.0,
        endpoints=ON_AWS,
        hops=hops,
        removed=True,
        prices="list prices of us-east-1, 2026-11",
    )
    return replace(whole, **changes)


def with_hop(whole: Report, name: str, **changes: Any) -> Report:
    """A report in which one hop is different."""
    hops = tuple(replace(hop, **changes) if hop.name == name else hop for hop in whole.hops)
    return replace(whole, hops=hops)
