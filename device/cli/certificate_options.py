"""Options of the verbs that are about certificates."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

CLAIM_KIT = Path(".lakecast/claim")

Parser = argparse.ArgumentParser


def parents(kits: Parser, thing: Parser, broker: Parser) -> dict[str, list[Parser]]:
    """What each verb shares with others."""
    account = Parser(add_help=False)
    account.add_argument("--env", default=broker.get_default("env"), help="(now %(default)s)")
    return {
        "claim": [kits],
        "rotate": [kits, thing],
        "claim-kit": [broker],
        "allow": [account],
        "allowed": [account],
        "revoke": [account],
    }


def add(verbs: Mapping[str, Parser]) -> None:
    """Add what each verb has of its own."""
    serial = {"metavar": "SERIAL", "help": "the device's serial number"}
    claim = verbs["claim"]
    claim.add_argument("--serial", required=True, **serial)
    claim.add_argument(
        "--claim-kit", type=Path, default=CLAIM_KIT, help="made by `claim-kit` (%(default)s)"
    )
    claim.add_argument("--again", action="store_true", help="although the device has a kit")

    verbs["rotate"].add_argument(
        "--older-than",
        type=_days,
        default=timedelta(0),
        metavar="DAYS",
        help="only a certificate that is older (0)",
    )
    verbs["claim-kit"].add_argument(
        "--out", type=Path, default=CLAIM_KIT, help="folder to write (%(default)s)"
    )

    allow = verbs["allow"]
    allow.add_argument("--serial", required=True, nargs="+", **serial)
    allow.add_argument("--thing", help="what the device is to be called (as its serial number)")
    allow.add_argument("--days", type=_days, help="may claim for so long only")
    change = allow.add_mutually_exclusive_group()
    change.add_argument("--again", action="store_true", help="though another device has used it")
    change.add_argument("--remove", action="store_true", help="take it off the list")

    whom = verbs["revoke"].add_mutually_exclusive_group(required=True)
    whom.add_argument("--thing", help="the device that is to be cut off")
    whom.add_argument("--claims", action="store_true", help="all claim certificates")


def _days(text: str) -> timedelta:
    value = float(text)
    if not 0 <= value <= 36_500:
        raise argparse.ArgumentTypeError(f"expected days, 0 or more; got {text}")
    return timedelta(days=value)
