"""The outbox: a message stays until it is removed, even after a crash."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from device.clock import CLOCK_FLOOR
from device.errors import OutboxError
from device.outbox.retention import Drops, Limits
from device.outbox.store import Outbox

TOPIC = "telemetry/harbour"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kit" / "outbox.sqlite3"


def payloads(outbox: Outbox, number: int = 0) -> list[bytes]:
    return [parcel.payload for parcel in outbox.after(number, limit=1_000_000)]


def test_messages_are_returned_in_the_order_of_addition(path):
    with Outbox(path) as outbox:
        outbox.put(TOPIC, [b"1", b"2"])
        outbox.put(TOPIC, [b"3"])
        assert payloads(outbox) == [b"1", b"2", b"3"]
        assert len(outbox) == 3


def test_only_the_removed_message_is_gone(path):
    with Outbox(path) as outbox:
        outbox.put(TOPIC, [b"1", b"2", b"3"])
        outbox.remove([outbox.after(0, 2)[1].number])
        assert payloads(outbox) == [b"1", b"3"]
        assert len(outbox) == 2


def test_removing_twice_counts_once(path):
    with Outbox(path) as outbox:
        outbox.put(TOPIC, [b"1", b"2"])
        number = outbox.after(0, 1)[0].number
        outbox.remove([number])
        outbox.remove([number])
        assert len(outbox) == 1


def test_numbers_are_never_reused(path):
    with Outbox(path) as outbox:
        outbox.put(TOPIC, [b"1"])
        used = outbox.newest
        outbox.remove([used])
    with Outbox(path) as outbox:
        assert outbox.newest == used
        outbox.put(TOPIC, [b"2"])
        assert outbox.newest == used + 1


def test_after_and_get_return_stored_messages(path):
    with Outbox(path) as outbox:
        outbox.put(TOPIC, [b"1", b"2", b"3"])
        first, second, third = outbox.after(0, 10)
        assert outbox.after(first.number, 1) == [second]
        outbox.remove([second.number])
        assert outbox.get([third.number, second.number]) == [third]


def test_a_crash_between_publishing_and_removing_leaves_the_message(path):
    outbox = Outbox(path)
    outbox.put(TOPIC, [b"1"])
    assert outbox.after(0, 1)  # published, but not removed
    outbox.close()
    with Outbox(path) as after_crash:
        assert payloads(after_crash) == [b"1"]
        assert len(after_crash) == 1


def test_a_killed_process_loses_no_added_message(path):
    program = (
        "import sys; from pathlib import Path; from device.outbox.store import Outbox\n"
        "outbox = Outbox(Path(sys.argv[1]))\n"
        "for number in range(10_000_000):\n"
        f"    outbox.put({TOPIC!r}, [str(2 * number).encode(), str(2 * number + 1).encode()])\n"
        "    print(2 * number + 1, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) > 200:
                break
        process.send_signal(signal.SIGKILL)
        lines = [line, *process.stdout]
    last = max(int(number) for number in lines if re.fullmatch(r"\d+\n", number))
    with Outbox(path) as outbox:
        found = [int(payload) for payload in payloads(outbox)]
    assert found == list(range(len(found)))
    assert len(found) > last
    assert len(found) % 2 == 0  # batches are atomic


def test_a_failing_batch_adds_nothing(path):
    with Outbox(path) as outbox:
        with pytest.raises(OutboxError):
            outbox.put(TOPIC, [b"1", None])  # type: ignore[list-item]
        assert payloads(outbox) == []
        assert len(outbox) == 0


def test_the_oldest_messages_beyond_the_size_limit_are_dropped_and_counted(path):
    with Outbox(path, Limits(max_bytes=5)) as outbox:
        outbox.put(TOPIC, [b"11", b"22"])
        assert (outbox.size, outbox.drops) == (4, Drops())
        outbox.put(TOPIC, [b"33", b"44"])
        assert payloads(outbox) == [b"33", b"44"]
        assert (len(outbox), outbox.size, outbox.drops) == (2, 4, Drops(size=2))


def test_messages_beyond_the_age_limit_are_dropped_and_counted_also_at_the_start(path):
    now = CLOCK_FLOOR.timestamp()
    limits = Limits(max_age=timedelta(hours=2))
    with Outbox(path, limits, clock=lambda: now) as outbox:
        outbox.put(TOPIC, [b"1", b"2"])
        now += 3600
        outbox.put(TOPIC, [b"3"])
        now += 3601
        outbox.put(TOPIC, [b"4"])
        assert payloads(outbox) == [b"3", b"4"]
        assert (outbox.drops, outbox.dropped) == (Drops(age=2), 2)
    now += 3600
    with Outbox(path, limits, clock=lambda: now) as outbox:
        assert payloads(outbox) == [b"4"]
        assert (outbox.drops, outbox.dropped) == (Drops(age=3), 1)


def test_a_message_added_while_the_clock_was_unset_has_no_age(path):
    now = 5.0
    with Outbox(path, clock=lambda: now) as outbox:
        outbox.put(TOPIC, [b"1"])
    now = CLOCK_FLOOR.timestamp() + 1e8
    with Outbox(path, clock=lambda: now) as outbox:
        assert payloads(outbox) == [b"1"]


def test_messages_in_flight_are_spared(path):
    with Outbox(path, Limits(max_bytes=4)) as outbox:
        outbox.put(TOPIC, [b"1", b"2", b"3"])
        outbox.put(TOPIC, [b"4", b"5", b"6"], spare={1, 3})
        assert payloads(outbox) == [b"1", b"3", b"5", b"6"]


def test_the_file_size_stays_bounded(path):
    with Outbox(path, Limits(max_bytes=200_000)) as outbox:
        for _ in range(100):
            outbox.put(TOPIC, [b"x" * 300] * 200)
        assert outbox.size <= 200_000
        assert outbox.drops.size == 20_000 - len(outbox)
    assert path.stat().st_size < 500_000


def test_an_outbox_of_an_earlier_version_is_migrated(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as old:
        old.execute(
            "CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, "
            "topic TEXT NOT NULL, payload BLOB NOT NULL)"
        )
        old.execute("INSERT INTO outbox (topic, payload) VALUES (?, ?)", (TOPIC, b"old"))
    old.close()
    with Outbox(path) as outbox:
        outbox.put(TOPIC, [b"new"])
        assert payloads(outbox) == [b"old", b"new"]


@pytest.mark.parametrize("limits", [{"max_bytes": 0}, {"max_age": timedelta(0)}])
def test_limits_must_be_positive(limits):
    with pytest.raises(ValueError, match="must be positive"):
        Limits(**limits)


def test_a_second_agent_is_rejected(path):
    with Outbox(path), pytest.raises(OutboxError, match="another agent runs with it"):
        Outbox(path)
    Outbox(path).close()


def test_a_file_that_is_not_an_outbox_is_named(path):
    path.parent.mkdir()
    path.write_text("this is no database, " * 100)
    with pytest.raises(OutboxError, match=re.escape(str(path))):
        Outbox(path)


def test_a_full_disk_is_reported(path):
    with Outbox(path) as outbox:
        pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
        outbox._db.execute(f"PRAGMA max_page_count={pages + 2}")
        with pytest.raises(OutboxError, match=r"full.*the disk has room"):
            outbox.put(TOPIC, [b"x" * 100_000])
        assert len(outbox) == 0


def test_every_commit_is_synced_to_the_disk(path):
    with Outbox(path) as outbox:
        assert outbox._db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert outbox._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_the_file_can_be_read_by_any_sqlite(path):
    with Outbox(path) as outbox:
        outbox.put(TOPIC, [b"1"])
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT topic, payload FROM outbox").fetchall() == [(TOPIC, b"1")]
