"""Estimates what a smoke test costs, from a small table of list prices."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Usage:
    """Something that AWS charges for.

    Parameters
    ----------
    unit
        Key of a price, such as ``glue.dpu_hour`` or ``sagemaker.ml.m5.large``.
    quantity
        Number of units.
    """

    unit: str
    quantity: float


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return found


def basis() -> str:
    """Returns region and date of the prices."""
    return f"list prices of {_table()['region']}, {_table()['as_of']:%Y-%m}"


def estimate(usages: Iterable[Usage]) -> tuple[float, tuple[str, ...]]:
    """Returns the cost in USD, and the units that the table has no price for."""
    total, unknown = 0.0, []
    for one in usages:
        price = _table()["usd"].get(one.unit)
        if price is None:
            unknown.append(one.unit)
        else:
            total += price * one.quantity
    return total, tuple(sorted(set(unknown)))
