"""``make etl`` over a long range: windows, failures, going on, and Ctrl-C.

The job counts the lines of its window without Spark, which takes a second instead of ten; all else
is as it always is: Glue's API, runs, rows, and the verb as a process.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.names import TELEMETRY_TO_PARQUET
from localcloud.cloud.launch import LocalCloud
from tests.support.glue.testbed import PROJECT, Estate
from tests.support.sessions import session_of
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(180)

FIRST = datetime(2026, 6, 1, 22, tzinfo=UTC)
LENGTH = timedelta(days=4)
ARRIVALS = ["--start", FIRST.isoformat(), "--end", (FIRST + LENGTH).isoformat()]
JOB = """
import gzip, sys, time
from pathlib import Path
from glue_jobs.errors import JobError
from glue_jobs.lake.folders import arrival_folders
from glue_jobs.runs.arguments import ReportArguments, TelemetryArguments
from glue_jobs.runs.outcome import reported, run_job

def main(argv):
    given = TelemetryArguments.of(argv)
    window = given.start, given.end
    reported("telemetry_to_parquet", ReportArguments.of(argv), lambda: work(given), window)

def work(given):
    def subfolders(uri):
        return [p.name for p in Path(uri.removeprefix("file://")).glob("*") if p.is_dir()]
    lines = []
    for folder in arrival_folders(subfolders, given.raw_telemetry, given.start, given.end):
        for path in Path(folder.removeprefix("file://")).rglob("*.gz"):
            lines += gzip.decompress(path.read_bytes()).decode().split()
    if "wait" in lines:
        time.sleep(600)
    if "break" in lines:
        raise JobError("this day is broken")
    return {"read": len(lines), "kept": len(lines), "duplicates": 0, "quarantined": {}}

if __name__ == "__main__":
    run_job(main)
"""


@pytest.fixture(scope="module")
def estate(own_cloud: LocalCloud) -> Estate:
    """Something arrived on the first, second and fourth day of the range."""
    built = Estate(session_of(own_cloud), "dev").build()
    job = built.names.job(TELEMETRY_TO_PARQUET)
    built.job(job, JOB, ExecutionProperty={"MaxConcurrentRuns": 2})
    for day, lines in ((0, ["a", "b"]), (1, ["break"]), (3, ["c", "d", "e"])):
        built.land("x", lines, FIRST + timedelta(days=day))
    return built


def verb(cloud: LocalCloud, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lakecast", "lake", "etl", TELEMETRY_TO_PARQUET, *options],
        cwd=PROJECT,
        env={**os.environ, **cloud.env, "LAKECAST_ENV": "dev"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(cloud: LocalCloud, *options: str) -> tuple[int, str, str]:
    """Exit code and output of the verb at its end."""
    process = verb(cloud, *options)
    out, err = process.communicate()
    return process.returncode, out, err


def runs(estate: Estate) -> list[dict[str, Any]]:
    found = estate.glue.get_job_runs(JobName=estate.names.job(TELEMETRY_TO_PARQUET))["JobRuns"]
    return sorted(found, key=lambda run: run["Arguments"]["--start"])


def options_of(command: str) -> list[str]:
    """What the verb is given by a ``make etl NAME=value …``."""
    return [
        word
        for name, value in re.findall(r"(\w+)=(\S+)", command)
        if name != "ENV"
        for word in (f"--{name.lower().replace('_', '-')}", value)
    ]


def test_windows_run_side_by_side_and_only_the_failed_one_runs_again(
    own_cloud: LocalCloud, estate: Estate
) -> None:
    before = {run["Id"] for run in runs(estate)}

    def new() -> list[dict[str, Any]]:
        return [run for run in runs(estate) if run["Id"] not in before]

    code, out, err = said(own_cloud, *ARRIVALS, "--parallel", "2")
    assert code == 1
    assert re.search(r"telemetry_to_parquet, 2 windows", out), err
    assert re.search(r"read +│ +5 ", out)
    assert "next:" not in out
    assert re.search(r"2026-06-02T00:00:00Z to 2026-06-03T00:00:00Z: .*this day is broken", err)
    first, second, last = new()  # on the third day nothing arrived
    assert [run["Arguments"]["--start"][:10] for run in (first, second, last)] == [
        "2026-06-01", "2026-06-02", "2026-06-04"]  # fmt: skip
    assert first["StartedOn"] < second["CompletedOn"]
    assert second["StartedOn"] < first["CompletedOn"]

    estate.land("x", ["mended", "now"], FIRST + timedelta(days=1))
    (command,) = re.findall(r"make etl .*", err)
    code, out, err = said(own_cloud, *options_of(command))
    assert code == 0, err
    assert "skipped 2 windows" in out
    assert re.search(r"read +│ +2 ", out)
    assert len(new()) == 4

    code, out, _ = said(own_cloud, *ARRIVALS)  # without RESUME, all of it
    assert code == 0
    assert re.search(r"read +│ +7 ", out)
    assert len(new()) == 7


def test_ctrl_c_stops_the_runs_and_says_how_to_resume(
    own_cloud: LocalCloud, estate: Estate
) -> None:
    before = {run["Id"] for run in runs(estate)}
    for day in (10, 11, 12):
        estate.land("x", ["wait"], FIRST + timedelta(days=day))
    arrivals = [(FIRST + timedelta(days=day)).isoformat() for day in (10, 13)]
    process = verb(own_cloud, "--start", arrivals[0], "--end", arrivals[1], "--parallel", "2")

    def new() -> list[dict[str, Any]]:
        return [run for run in runs(estate) if run["Id"] not in before]

    until(lambda: [run["JobRunState"] for run in new()] == ["RUNNING"] * 2, "two runs")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "3 of 3 windows are not done; continue with" in err
    assert "Traceback" not in err
    assert [run["JobRunState"] for run in new()] == ["STOPPED"] * 2


def test_impossible_requests_are_refused_in_one_line(own_cloud: LocalCloud, estate: Estate) -> None:
    for options, expected in (
        (["--parallel", "3"], "PARALLEL must be 1 to 2, the job's concurrent runs"),
        (["--start", "2020-01-01", "--end", "2020-02-01"], "no messages arrived from 2020-01-01T"),
    ):
        code, _, err = said(own_cloud, *(options if "--start" in options else ARRIVALS + options))
        assert code == 1
        assert expected in err
        assert len(err.splitlines()) == 1
    code, _, err = said(own_cloud, "--window", "30m")
    assert code == 2
    assert "expected hours or days, such as 6h or 1d; got '30m'" in err
