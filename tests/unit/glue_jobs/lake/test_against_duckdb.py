"""Compares the lake, after any windows in any order, with DuckDB's reading of the raw objects."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.lake.locations import arrival_prefix
from contracts.messages.telemetry import POLLUTANTS
from glue_jobs.runs.arguments import TelemetryArguments
from glue_jobs.telemetry_to_parquet import run
from tests.support.glue.duckdb_lake import Reference
from tests.support.glue.spark import spark

FIRST = datetime(2026, 6, 3, 22, tzinfo=UTC)
HOURS = 4
STAMPS = ("thing_name", "received_at")


@dataclass(frozen=True)
class Delivery:
    """An object delivered by Firehose, possibly damaged.

    Parameters
    ----------
    hour
        Hour of its arrival, after `FIRST`.
    messages
        Lists of readings: one reading is a message, several are a batch.
    again
        Positions of messages that are sent twice.
    between, before, behind
        Text between the messages, at the start and at the end.
    left
        Share of the object's bytes that arrived.
    """

    hour: int
    messages: list[list[dict[str, Any]]]
    again: list[int]
    between: str
    before: bytes
    behind: bytes
    left: float

    def content(self, stamps: Callable[[], int]) -> bytes:
        """Return the bytes of the object; each message gets a stamp."""
        texts = [json.dumps(_stamped(readings, stamps())) for readings in self.messages]
        texts += [texts[place % len(texts)] for place in self.again if texts]
        halves = texts[::2], texts[1::2]
        members = [
            gzip.compress(_joined(half, self.between, self.before, self.behind)) for half in halves
        ]
        content = b"".join(members)
        return content[: int(len(content) * self.left)]


def _stamped(readings: list[dict[str, Any]], received: int) -> object:
    thing = readings[0].get("thing_name", "a")
    stamps = {"thing_name": thing, "received_at": received}
    if len(readings) == 1:
        return {**readings[0], **stamps}
    shared = {"schema_version": 1, "device_id": thing, "boot_id": "shared"}
    return {**shared, "readings": readings, **stamps}


def _joined(texts: list[str], between: str, before: bytes, behind: bytes) -> bytes:
    return before + between.join(texts).encode() + behind


def field(*values: Any) -> st.SearchStrategy[Any]:
    """Return a strategy that mostly draws the first value."""
    return st.one_of(st.just(values[0]), st.just(values[0]), st.sampled_from(values))


sound = st.fixed_dictionaries(
    {
        "schema_version": st.just(1),
        "device_id": st.just("a"),
        "boot_id": st.sampled_from(["x", "y"]),
        "sequence": st.integers(0, 15),
        "timestamp": st.sampled_from(
            [f"2026-06-0{day}T{hour:02}:00:00Z" for day in (1, 2, 3) for hour in (0, 23)]
        ),
        "ozone": st.integers(0, 90) | st.floats(0, 90),
    },
    optional={
        "carbon_monoxide": st.none() | st.just(10_000),
        "firmware": st.sampled_from(["1.2", "}{", '"}, {"', "é", None]),
        "readings_per_hour": st.just(4),
    },
)
legacy = st.fixed_dictionaries(
    {"timestamp": st.sampled_from(["2026-06-01 12:00:00", "2026-06-01T13:00:00.5+02:00"])},
    optional={"particullate_matter": st.integers(0, 9), "sulfure_dioxide": st.just(2.5)},
)
faults = st.fixed_dictionaries(
    {},
    optional={
        "schema_version": st.sampled_from([None, 2]),
        "device_id": st.sampled_from([None, "other"]),
        "boot_id": st.none(),
        "sequence": st.sampled_from([None, -1, 1.5]),
        "timestamp": st.sampled_from(
            [
                None,
                5,
                "soon",
                "1999-12-31T23:59:59Z",
                "2000-01-01T00:00:05Z",
                "2026-06-09T00:00:00Z",
                "2026-06-31T00:00:00Z",
            ]
        ),
        "ozone": st.sampled_from(["12", True, [], -0.5, -10.5, 5_000.5]),
        "longitude": st.sampled_from([0, 181]),
        "latitude": st.sampled_from([0.0, 48]),
        "thing_name": st.sampled_from(["", "other"]),
        "readings": st.sampled_from([[], {}, 5]),
    },
)
reading = st.one_of(
    sound, sound, sound, legacy, st.tuples(sound, faults).map(lambda two: two[0] | two[1])
)
part = st.one_of(
    sound.map(lambda r: {k: v for k, v in r.items() if k != "boot_id"}), sound, reading
)
message = st.one_of(
    reading.map(lambda one: [one]),
    reading.map(lambda one: [one]),
    st.lists(part, min_size=2, max_size=4),
)
delivery = st.builds(
    Delivery,
    hour=st.integers(0, HOURS - 1),
    messages=st.lists(message, max_size=25),
    again=st.lists(st.integers(0, 24), max_size=8),
    between=field("\n", "", ",", "\r\n", " , \n\n"),
    before=field(b"", b"\xef\xbb\xbf"),
    behind=field(b"\n", b"", b"\n\xff\xfe no text\n", b'\n{"ozone": tru}\n', b"\n{}[]\n"),
    left=field(1.0, 0.9, 0.5, 0.1, 0.0),
)
windows = st.lists(st.integers(1, HOURS - 1), max_size=1).map(
    lambda cuts: list(itertools.pairwise([0, *cuts, HOURS]))
)


def land(deliveries: list[Delivery], failed: list[dict[str, Any]], raw: Path, errors: Path) -> None:
    """Write the objects, and the error documents of messages that the rule could not deliver."""
    stamps = itertools.count(int(FIRST.timestamp() * 1000))
    for number, one in enumerate(deliveries):
        _write(raw, one.hour, f"{number}.gz", one.content(lambda: next(stamps)))
    for number, body in enumerate(failed):
        payload = base64.b64encode(json.dumps(body).encode()).decode()
        document = {"topic": "telemetry/a", "base64OriginalPayload": payload}
        _write(errors, number % HOURS, f"{number}.json", json.dumps(document).encode())


def _write(root: Path, hour: int, name: str, content: bytes) -> None:
    path = root / arrival_prefix(FIRST + timedelta(hours=hour)) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def work_off(root: Path, window: tuple[int, int]) -> dict[str, Any]:
    start, end = (FIRST + timedelta(hours=hour) for hour in window)
    names = ("raw_telemetry", "raw_errors", "telemetry", "quarantine")
    places: dict[str, Any] = {name: f"file://{root}/{name}/" for name in names}
    return run(spark(), TelemetryArguments(**places, start=start, end=end, run_id="r"))


def table(root: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of a table, read without Spark; none if there is no table."""
    uri = f"file://{root}/{name}/"
    return DeltaTable(uri).to_pyarrow_table().to_pylist() if DeltaTable.is_deltatable(uri) else []


def readings_in(root: Path) -> list[tuple[Any, ...]]:
    identity = ("device_id", "boot_id", "sequence")
    return sorted(
        (
            (
                *(row[name] for name in identity),
                round(row["timestamp"].timestamp() * 1_000_000),
                *(row[name] for name in POLLUTANTS),
            )
            for row in table(root, "telemetry")
        ),
        key=repr,
    )


@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # an example has hundreds of messages and takes seconds
)
@given(
    deliveries=st.lists(delivery, min_size=6, max_size=12),
    failed=st.lists(sound, max_size=3),
    planned=windows,
    randomly=st.randoms(use_true_random=False),
)
def test_every_message_is_kept_or_a_duplicate_or_in_quarantine_as_in_duckdb(
    deliveries: list[Delivery],
    failed: list[dict[str, Any]],
    planned: list[tuple[int, int]],
    randomly: Any,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        land(deliveries, failed, root / "raw_telemetry", root / "raw_errors")
        expected = Reference(root / "raw_telemetry", root / "raw_errors")
        randomly.shuffle(planned)
        counts = [work_off(root, window) for window in planned]
        again = work_off(root, planned[0])
        assert readings_in(root) == expected.readings
        found = [(row["reason"], row["source"]) for row in table(root, "quarantine")]
        assert sorted(found) == expected.quarantine
    for count in (*counts, again):
        assert count["read"] == sum(
            count[name] for name in ("kept", "duplicates", "merged")
        ) + _quarantined(count)
        assert count["duplicates"] >= 0
    assert sum(count["read"] for count in counts) == expected.sound + len(expected.quarantine)
    assert sum(count["kept"] for count in counts) == len(expected.readings)
    by_reason = sum((Counter(count["quarantined"]) for count in counts), Counter[str]())
    assert by_reason == Counter(reason for reason, _ in expected.quarantine)
    assert again["kept"] == 0


def _quarantined(count: dict[str, Any]) -> int:
    return sum(count["quarantined"].values())
