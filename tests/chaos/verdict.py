"""Compares the recorded identities with those in the lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.chaos.recordings import Identity


@dataclass(frozen=True)
class Verdict:
    """Number of readings sent, and of those that are lost, duplicated or different.

    Parameters
    ----------
    changed
        Readings in the lake with another value.
    invented
        Readings in the lake that no sensor recorded.
    """

    sent: int
    lost: int
    doubled: int
    changed: int
    invented: int

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.changed or self.invented)


def judge(expected: Mapping[Identity, float], rows: Iterable[Mapping[str, str]]) -> Verdict:
    """Compare the recorded values with the lake's rows, as Athena returns them.

    Parameters
    ----------
    expected
        Ozone by identity.
    rows
        Rows with the columns device_id, boot_id, sequence and ozone.
    """
    found: Counter[Identity] = Counter()
    changed = 0
    for row in rows:
        identity = (row["device_id"], row["boot_id"], int(row["sequence"]))
        found[identity] += 1
        changed += identity in expected and float(row["ozone"]) != expected[identity]
    return Verdict(
        sent=len(expected),
        lost=len(expected.keys() - found.keys()),
        doubled=found.total() - len(found),
        changed=changed,
        invented=len(found.keys() - expected.keys()),
    )
