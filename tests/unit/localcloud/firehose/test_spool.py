"""Tests of records in files: acknowledged ones are kept, partial ones are dropped."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.services.firehose.spool import OpenBatch, remaining_batches

PURPOSE = {"stream": "s", "version": 1}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.lists(st.binary(max_size=40), max_size=5), min_size=1, max_size=5))
def test_records_are_read_as_they_were_written(tmp_path: Path, puts: list[list[bytes]]) -> None:
    batch = OpenBatch(tmp_path, PURPOSE)
    for records in puts:
        batch.append(records)
    sealed = batch.seal()
    expected = [record for records in puts for record in records]
    assert list(sealed.records()) == expected
    assert batch.size == sum(map(len, expected))
    sealed.remove()
    assert remaining_batches(tmp_path) == []


def test_an_open_batch_of_a_killed_process_is_found_with_its_purpose(tmp_path: Path) -> None:
    batch = OpenBatch(tmp_path, PURPOSE)
    batch.append([b"one", b"two"])
    (found,) = remaining_batches(tmp_path)
    assert list(found.records()) == [b"one", b"two"]
    assert found.purpose == PURPOSE
    assert found.arrival == batch.arrival
    (again,) = remaining_batches(tmp_path)
    assert again.path == found.path


def test_a_truncated_record_is_skipped(tmp_path: Path) -> None:
    batch = OpenBatch(tmp_path, PURPOSE)
    batch.append([b"whole", b"broken"])
    sealed = batch.seal()
    sealed.path.write_bytes(sealed.path.read_bytes()[:-3])
    assert list(sealed.records()) == [b"whole"]


def test_a_file_without_its_first_line_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "1-a.open").write_bytes(b'{"arrival": 1')
    assert remaining_batches(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Makes the kernel truncate writes at that length, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_failed_write_leaves_no_partial_record(tmp_path: Path) -> None:
    batch = OpenBatch(tmp_path, PURPOSE)
    batch.append([b"before"])
    (path,) = tmp_path.iterdir()
    with file_size_limit(path.stat().st_size + 50), pytest.raises(OSError, match="too large"):
        batch.append([b"fits"] * 3 + [b"does not fit" * 10])
    batch.append([b"after"])
    assert batch.size == len(b"before" + b"after")
    assert list(batch.seal().records()) == [b"before", b"after"]
