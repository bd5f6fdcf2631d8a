"""Tests the commits to tables with a Delta log, and the conflict between two commits."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import types as T

from glue_jobs.errors import JobError
from glue_jobs.lake import delta

SCHEMA = T.StructType([T.StructField("n", T.LongType())])
DAY = "2026-06-01"


def file(name: str, date: str = DAY, rows: int = 1) -> delta.DataFile:
    return delta.DataFile(f"{name}/date={date}/x.parquet", date, rows, 10)


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"file://{tmp_path}/"


def add(uri: str, *files: delta.DataFile) -> int:
    return delta.commit(delta.snapshot(uri), SCHEMA, files, run="r")


def test_a_commit_adds_and_removes_at_once(uri: str) -> None:
    empty = delta.snapshot(uri)
    assert (empty.version, empty.files, empty.dates) == (delta.NO_VERSION, (), set())
    add(uri, file("a"), file("b", "2026-06-02", rows=3))
    base = delta.snapshot(uri)
    assert base.files_of({"2026-06-02", "2026-06-03"}) == [file("b", "2026-06-02", rows=3)]
    delta.commit(base, SCHEMA, [file("c")], [file("a")], run="r", progress={"other": 7})
    now = delta.snapshot(uri)
    assert set(now.files) == {file("b", "2026-06-02", rows=3), file("c")}
    assert (now.version, now.progress("other"), now.progress("none")) == (base.version + 1, 7, None)
    assert base.files != now.files


def test_the_second_of_two_commits_is_refused_and_computed_again(uri: str) -> None:
    add(uri, file("a"))
    bases = []

    def work_out(base: delta.Snapshot) -> delta.Change:
        bases.append(base.version)
        if len(bases) == 1:
            add(uri, file("first"))
        return delta.Change(adds=(file("second"),), removes=base.files)

    change = delta.update(uri, SCHEMA, work_out, "r")
    assert set(change.removes) == {file("a"), file("first")}
    assert change.rows == -1
    assert delta.snapshot(uri).files == (file("second"),)
    assert bases == [1, 2]


def test_a_run_that_never_commits_first_raises(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta, "LONGEST_PAUSE", 0.0)
    numbers = iter(range(100))

    def work_out(_: delta.Snapshot) -> delta.Change:
        add(uri, file(f"other-{next(numbers)}"))
        return delta.Change(adds=(file("mine"),))

    with pytest.raises(JobError, match=r"committed to .* each of 20 attempts"):
        delta.update(uri, SCHEMA, work_out, "r")
    assert file("mine") not in delta.snapshot(uri).files


def test_an_empty_change_is_not_committed(uri: str) -> None:
    add(uri, file("a"))
    before = delta.snapshot(uri)
    delta.update(uri, SCHEMA, lambda _: delta.Change(), "r")
    assert delta.snapshot(uri) == before


def test_a_commit_is_recognised_if_its_response_was_lost(uri: str) -> None:
    """The store repeats a put without a response, and finds its own object."""
    add(uri, file("a"))
    base = delta.snapshot(uri)
    assert delta.commit(base, SCHEMA, [file("b")], run="r") == 2
    assert delta.commit(base, SCHEMA, [file("b")], run="r") == 2
    assert delta.snapshot(uri).version == 2


def test_a_new_column_is_added_to_an_existing_table(uri: str) -> None:
    add(uri, file("a"))
    wider = T.StructType(
        [*SCHEMA.fields, T.StructField("more", T.MapType(T.StringType(), T.StringType()))]
    )
    base = delta.snapshot(uri)
    delta.commit(base, wider, [file("b")], run="r")
    table = DeltaTable(uri)
    assert [field.name for field in table.schema().fields] == ["n", "date", "more"]
    assert set(delta.snapshot(uri).files) == {file("a"), file("b")}
    with pytest.raises(delta.CommitConflictError):
        delta.commit(base, wider, [file("c")], run="r")
