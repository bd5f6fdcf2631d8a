"""Runs that are killed or meet each other: readers see whole commits only, and nothing is lost."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import boto3
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from contracts.lake.locations import arrival_prefix
from glue_jobs.lake import delta
from glue_jobs.lake.tables import READINGS
from localcloud.cloud.launch import LocalCloud
from tests.support.glue.testbed import PROJECT, message

pytestmark = pytest.mark.timeout(900)  # five Spark drivers, one after the other

ARRIVED = datetime(2026, 6, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOWS = [(ARRIVED + n * HOUR, ARRIVED + (n + 1) * HOUR) for n in range(3)]
PATIENCE = 300.0
Rows = frozenset[tuple[object, ...]]


def land(lake: Path) -> None:
    """Messages of three hours: repeated, late, broken, and one whose key has two times."""
    now = int(ARRIVED.timestamp() * 1000)
    hours = [
        [message("a", n) for n in range(40)] + [message("a", 3), "broken"],
        [message("a", n, received_at=now + 1000) for n in range(30, 60)]
        + [message("b", n) for n in range(20)],
        # The first hour has a number 5 with another time: both are kept, as a conflict.
        [message("a", 5, received_at=now, timestamp="2026-06-01T12:00:00Z")]
        + [message("b", n) for n in range(10, 30)]
        + ["broken too"],
    ]
    for (start, _), lines in zip(WINDOWS, hours, strict=True):
        folder = lake / "raw_telemetry" / arrival_prefix(start)
        folder.mkdir(parents=True)
        text = "".join(f"{line}\n" for line in lines)
        (folder / "object.gz").write_bytes(gzip.compress(text.encode()))


def runner(lake: Path, *windows: tuple[datetime, datetime]) -> subprocess.Popen[str]:
    """A process that works off windows, as soon as `begin` is called."""
    return subprocess.Popen(
        [
            sys.executable,
            *("-m", "tests.support.glue.lake_runner"),
            str(lake),
            *(f"{start.isoformat()}/{end.isoformat()}" for start, end in windows),
        ],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(lake / "errors.log").open("a"),
        text=True,
        start_new_session=True,
    )


def begin(lake: Path, *processes: subprocess.Popen[str]) -> None:
    """Lets processes begin at once, when all are ready."""
    for process in processes:
        assert said(process).readline() == "ready\n", (lake / "errors.log").read_text()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("begin\n")
        process.stdin.flush()


def said(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def counts_of(lake: Path, *processes: subprocess.Popen[str]) -> list[dict[str, int]]:
    """Counts of each run of processes, from their beginning to their end."""
    begin(lake, *processes)
    lines = [line for process in processes for line in said(process).read().splitlines()]
    assert [process.wait() for process in processes] == [0] * len(processes)
    return [json.loads(line) for line in lines]


def content(lake: Path, version: int | None = None) -> Rows:
    """All readings that the log names, as any reader of Delta tables sees them."""
    columns = ["device_id", "sequence", "timestamp", "received_at", "ozone"]
    table = DeltaTable(lake / "telemetry", version=version)
    read = [pq.read_table(path, columns=columns, partitioning=None) for path in table.file_uris()]
    rows = [tuple(row.values()) for one in read for row in one.to_pylist()]
    assert len({row[:3] for row in rows}) == len(rows), "an identity is there twice"
    return frozenset(rows)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose windows were worked off one after the other, undisturbed."""
    lake = tmp_path_factory.mktemp("clean")
    land(lake)
    counts = counts_of(lake, runner(lake, *WINDOWS))
    assert [run["kept"] for run in counts] == [40, 40, 11]
    return lake


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    land(tmp_path)
    return tmp_path


@contextmanager
def reading_all_the_time(lake: Path) -> Iterator[list[Rows]]:
    """Contents of the table, read again and again by somebody else."""
    seen: list[Rows] = []
    failed: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                if DeltaTable.is_deltatable(str(lake / "telemetry")):
                    seen.append(content(lake))
        except BaseException as error:  # handed to the test
            failed.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
    assert not failed, failed


def test_a_run_killed_at_any_moment_shows_nothing_of_itself(clean: Path, lake: Path) -> None:
    newest = DeltaTable(clean / "telemetry").version()
    whole = [content(clean, version) for version in range(newest + 1)]
    rng = random.Random()
    table = lake / "telemetry"

    def data_files() -> int:
        return len(list(table.glob("run-*/**/*.parquet")))

    def ranges_noted() -> int:
        return len(list((table / "_identity_ranges/_delta_log").glob("*.json")))

    def when_more(count: Callable[[], int]) -> Callable[[], bool]:
        before = count()
        return lambda: count() > before

    def after_some_time() -> Callable[[], bool]:
        until = time.monotonic() + rng.uniform(0, 6)
        return lambda: time.monotonic() > until

    moments = [
        lambda: when_more(data_files),
        lambda: when_more(ranges_noted),
        after_some_time,
    ]
    with reading_all_the_time(lake) as seen:
        for moment in moments:
            process = runner(lake, *WINDOWS)
            begin(lake, process)
            has_come = moment()
            deadline = time.monotonic() + PATIENCE
            while not has_come() and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        named = set(DeltaTable(table).file_uris()) if (table / "_delta_log").exists() else set()
        left = {str(path) for path in table.glob("run-*/**/*.parquet")}
        counts_of(lake, runner(lake, *WINDOWS))
    assert left > named, "a kill left files that no log names"
    assert content(lake) == whole[-1]
    assert set(seen) <= set(whole)
    assert len(set(seen)) > 1, "the readers saw the table grow"


def test_runs_in_parallel_leave_the_same_tables_as_in_sequence(clean: Path, lake: Path) -> None:
    first, second, third = WINDOWS
    # One window twice at once, then two windows side by side.
    counts = counts_of(lake, runner(lake, first, third), runner(lake, first, second))
    assert sorted((counts[0]["kept"], counts[2]["kept"])) == [0, 40]
    assert sum(run["kept"] for run in counts) == len(content(clean))
    assert content(lake) == content(clean)
    quarantined = [
        sum(file.rows for file in delta.snapshot(f"file://{one}/quarantine/").files)
        for one in (lake, clean)
    ]
    assert quarantined == [2, 2]


def test_on_s3_a_commit_is_refused_where_another_was_first(
    cloud: LocalCloud, aws: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.env.items():
        monkeypatch.setenv(name, value)
    where = {"LocationConstraint": cloud.env["AWS_REGION"]}
    aws.client("s3").create_bucket(Bucket="lake-commits", CreateBucketConfiguration=where)
    uri = "s3://lake-commits/table/"
    file, other = (
        delta.DataFile(f"{n}/date=2026-06-03/x.parquet", "2026-06-03", 1, 1) for n in "ab"
    )
    empty = delta.snapshot(uri)
    assert delta.commit(empty, READINGS, [file], run="first") == 1
    with pytest.raises(delta.CommitConflictError):
        delta.commit(empty, READINGS, [other], run="second")
    base = delta.snapshot(uri)
    assert base.files == (file,)
    assert delta.commit(base, READINGS, [other], [file], run="second", progress={"x": 7}) == 2
    with pytest.raises(delta.CommitConflictError, match="at version 1; got 2"):
        delta.commit(base, READINGS, [], [file], run="third")
    now = delta.snapshot(uri)
    assert (now.files, now.progress("x"), now.progress("y")) == ((other,), 7, None)
