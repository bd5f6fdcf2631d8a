"""A job's GlueVersion chooses its Spark and Python; the lake is the same whichever wrote it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.lake import locations
from contracts.names import BUILD_SERIES, GLUE_JOBS, TELEMETRY_TO_PARQUET
from localcloud.cloud.launch import running
from tests.support.glue.testbed import Estate, message
from tests.support.sessions import session_of

pytestmark = pytest.mark.timeout(300)

VERSIONS = """
import platform
import pyspark
print(pyspark.__version__, platform.python_version())
"""


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """An estate in a cloud of its own, as its jobs move from version to version."""
    with running(home=tmp_path_factory.mktemp("cloud")) as cloud:
        yield Estate(session_of(cloud)).build()


def set_version(estate: Estate, job: str, glue_version: str) -> None:
    """Move one of ours to another version of Glue."""
    name = estate.names.job(job)
    definition = estate.glue.get_job(JobName=name)["Job"]
    kept = {key: definition[key] for key in ("Role", "Command", "DefaultArguments")}
    estate.glue.update_job(JobName=name, JobUpdate={**kept, "GlueVersion": glue_version})


def test_each_version_brings_its_spark_and_python(estate: Estate) -> None:
    said = {}
    for version in ("5.1", "6.0"):
        job = estate.job(f"versions-{version}", VERSIONS, GlueVersion=version)
        run = estate.ended(job)
        assert run["JobRunState"] == "SUCCEEDED", run
        said[version] = estate.log("/aws-glue/jobs/output", run["Id"]).split()
    assert said["5.1"][0].startswith("3.5.")
    assert said["6.0"][0].startswith("4.1.")


def test_a_version_that_is_not_here_is_refused(estate: Estate) -> None:
    run = estate.ended(estate.job("versions-4.0", VERSIONS, GlueVersion="4.0"))
    assert run["JobRunState"] == "FAILED"
    assert "GlueVersion 5.0, 5.1, 6.0; got 4.0" in run["ErrorMessage"]


def test_either_version_continues_where_the_other_stopped(estate: Estate) -> None:
    """5.1 finds what 6.0 wrote, and adds to it; 6.0 makes series of what both wrote."""
    messages = [message("north", hour) for hour in range(60)]
    for job in GLUE_JOBS:
        set_version(estate, job, "6.0")
    estate.land("first", messages[:40])
    assert estate.run(TELEMETRY_TO_PARQUET)["kept"] == 40
    written = estate.table(locations.TELEMETRY)
    set_version(estate, TELEMETRY_TO_PARQUET, "5.1")
    estate.land("second", messages[30:])
    counts = estate.run(TELEMETRY_TO_PARQUET)
    assert (counts["kept"], counts["duplicates"]) == (20, 50)
    both = estate.table(locations.TELEMETRY)
    assert len(both) == 60
    assert all(row in both for row in written)
    assert estate.run(BUILD_SERIES)["devices"] == 1
