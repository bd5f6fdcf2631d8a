"""Tests that the error of a run names its cause in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pytest
from pyspark.errors import PythonException

from glue_jobs.runs.causes import cause_of
from glue_jobs.runs.outcome import run_job
from tests.support.glue.spark import spark

OF_JAVA = """An error occurred while calling o77.collect.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 failed
\tat org.apache.spark.scheduler.DAGScheduler.failJobAndIndependentStages(DAGScheduler.scala:2856)
Caused by: org.apache.spark.SparkException: Task failed while writing rows
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.lang.OutOfMemoryError: Java heap space
\tat java.base/java.util.Arrays.copyOf(Arrays.java:3537)
"""


def test_an_error_of_a_worker_is_named() -> None:
    def fail(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches
        raise OverflowError("date value out of range")

    with pytest.raises(PythonException) as failed:
        spark().range(1).mapInArrow(fail, "id bigint").collect()
    assert cause_of(failed.value) == "PythonException: OverflowError: date value out of range"


def test_the_last_cause_of_a_java_error_is_named() -> None:
    assert cause_of(RuntimeError(OF_JAVA)) == (
        "RuntimeError: org.apache.spark.SparkException: Job aborted due to stage failure: "
        "Task 0 failed; cause: java.lang.OutOfMemoryError: Java heap space"
    )


def test_plain_errors_are_named_by_their_first_line() -> None:
    assert cause_of(ValueError("expected 1; got 2\nmore")) == "ValueError: expected 1; got 2"
    assert cause_of(KeyError("x")) == "KeyError: 'x'"


def test_an_error_without_a_message_is_named_by_the_error_behind_it() -> None:
    assert cause_of(ValueError()) == "ValueError without a message"
    error = RuntimeError()
    error.__cause__ = OSError("no space left")
    assert cause_of(error) == "RuntimeError: OSError: no space left"


def test_a_job_ends_with_the_cause_as_its_last_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def main(argv: list[str]) -> None:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(sys, "argv", ["job"])
    with pytest.raises(SystemExit, match=r"^OverflowError: date value out of range$"):
        run_job(main)
    assert "Traceback" in capsys.readouterr().err
