"""What became of the readings: the identities that sensors wrote down beside those in the lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.chaos.recordings import Identity


@dataclass(frozen=True)
class Verdict:
    """Readings sent, and how many of them are missing, there again, or other than sent.

    Parameters
    ----------
    changed
        In the lake with another value.
    invented
        In the lake though no sensor took them.
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
    """Compare what was written down with the lake's rows, as Athena gives them.

    Parameters
    ----------
    expected
        Ozone by identity.
    rows
        Columns device_id, boot_id, sequence and ozone.
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
