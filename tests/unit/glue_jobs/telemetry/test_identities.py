"""Tests which readings of the same key the lake keeps, whatever the order of their arrival."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from glue_jobs.telemetry.identities import MAPS, Row, kept, reconciled
from glue_jobs.telemetry.packing import READING

TIME = datetime(2026, 6, 1, 12, tzinfo=UTC)


def reading(received: int, sequence: int | None = None, **values: Any) -> Row:
    return dict.fromkeys(READING.names) | {
        "device_id": "old",
        "thing_name": "old",
        "boot_id": None if sequence is None else "b",
        "sequence": sequence,
        "timestamp": TIME,
        "received_at": TIME + timedelta(seconds=received),
        "extra": [],
        "rejected": [],
        **values,
    }


def said(rows: Sequence[Row]) -> set[tuple[str, object]]:
    """Return every value that is in some rows."""
    single = {(name, row[name]) for row in rows for name in row if name not in MAPS}
    return {pair for pair in single if pair[1] is not None} | {
        (f"extra {key}", text) for row in rows for key, text in row["extra"] if text is not None
    }


values = st.fixed_dictionaries(
    {},
    optional={
        "ozone": st.sampled_from([None, 41.0, 42.0, 0.0, -0.0]),
        "nitrogen_dioxide": st.sampled_from([None, 12.0]),
        "carbon_monoxide": st.sampled_from([None, 300.0, 301.0]),
        "longitude": st.sampled_from([None, 11.5]),
        "latitude": st.sampled_from([None, 48.0, 49.0]),
        "extra": st.lists(
            st.tuples(st.sampled_from("ab"), st.sampled_from([None, "1", "2"])),
            max_size=2,
            unique_by=lambda pair: pair[0],
        ),
    },
)


def some(sequence: int | None) -> st.SearchStrategy[list[Row]]:
    one = st.builds(
        lambda received, it: reading(received, sequence, **it), st.integers(0, 9), values
    )
    return st.lists(one, min_size=1, max_size=8)


groups = some(None) | some(7)


@given(groups, st.randoms(use_true_random=False), st.integers(0, 8))
def test_the_result_depends_on_the_set_of_readings_only(
    rows: list[Row], rng: Any, cut: int
) -> None:
    whole = kept(rows)
    assert kept(rng.sample(rows, len(rows))) == whole
    assert kept(whole) == whole
    parts = [part for part in (rows[:cut], rows[cut:]) if part]
    assert kept([row for part in parts for row in kept(part)]) == whole


@given(groups)
def test_no_value_is_lost_and_none_is_made(rows: list[Row]) -> None:
    found = kept(rows)
    arrivals = {row["received_at"] for row in rows}
    ignored = {("received_at", arrival) for arrival in arrivals}
    assert said(found) - ignored == said(rows) - ignored
    assert min(row["received_at"] for row in found) == min(arrivals)


@given(groups, st.data())
def test_the_steps_on_files_lead_to_the_result(rows: list[Row], data: st.DataObject) -> None:
    """A window's file has what is kept of its readings; a run adds one file to the lake."""
    files: dict[str, list[Row]] = defaultdict(list)
    seen: list[Row] = []
    left = list(rows)
    while left:
        size = data.draw(st.integers(1, len(left)))
        window, left = left[:size], left[size:]
        seen += window
        name = f"file {len(seen)}"
        files[name] = kept(window)
        before = sum(map(len, files.values())) - len(files[name])
        steps = reconciled(files, [name])
        for gone, count in steps.gone.items():
            assert len(files.pop(gone)) == count
        if steps.added:
            files[f"{name}, rewritten"] = steps.added
        now = [row for some in files.values() for row in some]
        assert sorted(now, key=repr) == sorted(kept(seen), key=repr)
        grown = len(now) - before
        duplicates = len(kept(window)) - grown - steps.counts.merged
        assert 0 <= duplicates <= len(kept(window))
        assert reconciled(files, []).gone == {}


def test_one_pollutant_a_message_becomes_one_reading() -> None:
    parts = [
        reading(0, ozone=41.0),
        reading(1, nitrogen_dioxide=12.0),
        reading(2, carbon_monoxide=300.0),
    ]
    (row,) = kept(parts)
    assert (row["ozone"], row["nitrogen_dioxide"], row["carbon_monoxide"]) == (41.0, 12.0, 300.0)


def test_parts_that_contradict_each_other_are_readings_in_the_order_of_their_values() -> None:
    rows = kept([reading(0, ozone=42.0), reading(1, ozone=41.0), reading(2, nitrogen_dioxide=12.0)])
    assert [(row["ozone"], row["nitrogen_dioxide"]) for row in rows] == [(41.0, 12.0), (42.0, None)]


def test_a_position_is_one_value() -> None:
    rows = kept([reading(0, longitude=1.0, latitude=5.0), reading(0, longitude=2.0, latitude=3.0)])
    assert [(row["longitude"], row["latitude"]) for row in rows] == [(1.0, 5.0), (2.0, 3.0)]
