"""The verdict of `make chaos` on hostile messages finds each that is not counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.chaos.hostile import HostileVerdict, Sent, judge_hostile

SENT = {
    "hostile-1-0-": Sent("deep", Counter(["too_deep"]), any_number=False),
    "hostile-1-1-": Sent("two", Counter([None, None]), any_number=False),
    "hostile-0-2-": Sent("half", Counter([None, "damaged_object"]), any_number=False),
    "hostile-0-3-": Sent("a zip", Counter(["not_json"]), any_number=True),
}
ROWS = [
    ("hostile-1-0-", "too_deep", 1),
    ("hostile-1-1-", "", 2),
    ("hostile-0-2-", "", 1),
    ("hostile-0-2-", "damaged_object", 1),
    ("hostile-0-3-", "not_json", 5),
]


def judged(rows: Sequence[tuple[str | None, str, int]]) -> HostileVerdict:
    found: list[dict[str, Any]] = [
        {"mark": mark, "reason": reason, "n": str(number)} for mark, reason, number in rows
    ]
    return judge_hostile(SENT, found)


def test_each_hostile_message_counts_under_each_of_its_reasons() -> None:
    counted = Counter({None: 2, "too_deep": 1, "damaged_object": 1, "not_json": 1})
    assert judged(ROWS) == HostileVerdict(4, counted, [])


def test_quarantine_may_have_a_message_twice_and_the_lake_may_not() -> None:
    assert not judged([("hostile-1-0-", "too_deep", 2), *ROWS[1:]]).astray
    assert judged([ROWS[0], ("hostile-1-1-", "", 3), *ROWS[2:]]).astray == [
        "two: expected 2 kept; got 3 kept"
    ]


def test_what_is_lost_or_has_another_reason_or_was_not_sent_is_astray() -> None:
    assert judged(ROWS[1:]).astray == ["deep: expected 1 too_deep; got nothing"]
    assert judged([("hostile-1-0-", "not_json", 1), *ROWS[1:]]).astray == [
        "deep: expected 1 too_deep; got 1 not_json"
    ]
    assert judged([*ROWS, (None, "bad_time", 3)]).astray == ["3 rows of what nobody sent: bad_time"]
