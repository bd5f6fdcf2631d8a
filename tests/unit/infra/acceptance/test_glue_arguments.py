"""Arguments of Glue jobs are known: a name that neither Glue nor the job reads has no effect."""

from __future__ import annotations

import json

import pytest
from awsglue.utils import GlueArgumentError

from contracts.names import ENVIRONMENTS
from glue_jobs.runs import arguments
from tests.unit.infra.test_stacks import Estate

OF_GLUE = frozenset(
    {
        # https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
        "--additional-python-modules", "--auto-scale-within-microbatch", "--class", "--conf",
        "--continuous-log-conversionPattern", "--continuous-log-logGroup",
        "--continuous-log-logStreamPrefix", "--customer-driver-env-vars",
        "--customer-executor-env-vars", "--datalake-formats", "--disable-proxy-v2",
        "--enable-auto-scaling", "--enable-continuous-cloudwatch-log",
        "--enable-continuous-log-filter", "--enable-glue-datacatalog", "--enable-job-insights",
        "--enable-lakeformation-fine-grained-access", "--enable-metrics",
        "--enable-observability-metrics", "--enable-s3-parquet-optimized-committer",
        "--enable-spark-ui", "--executor-cores", "--extra-files", "--extra-jars",
        "--extra-py-files", "--job-bookmark-option", "--job-language",
        "--python-modules-installer-option", "--scriptLocation", "--spark-event-logs-path",
        "--TempDir", "--user-jars-first",
        # https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html
        "--custom-logGroup-prefix", "--custom-logStream-prefix",
    }
)  # fmt: skip
INTERNAL = frozenset({"--debug", "--mode", "--JOB_NAME", "--endpoint"})
"""Arguments that Glue itself sets."""
LARGEST = 260_000
"""Bytes of all arguments; the same page."""

READERS = {
    "telemetry_to_parquet": arguments.TelemetryArguments,
    "build_series": arguments.SeriesArguments,
    "compact": arguments.CompactArguments,
}
BY_HAND = {"telemetry_to_parquet": {"--start": "2026-06-01", "--end": "2026-06-02"}}
"""Arguments that have no default, where nothing but an operator starts the job."""


@pytest.fixture(params=ENVIRONMENTS)
def estate(request, synthesised):
    return Estate(synthesised, request.param)


def jobs(estate):
    """Returns the default arguments of the jobs by name, as Glue has it."""
    found = estate.resources("aws_glue_job").values()
    return {one["name"]: one["default_arguments"] for one in found}


def started(estate):
    """Yields the job and the arguments of every run that a state machine starts."""
    for machine in estate.resources("aws_sfn_state_machine").values():
        pending = [json.loads(machine["definition"])]
        while pending:
            one = pending.pop()
            pending += (
                one.values() if isinstance(one, dict) else one if isinstance(one, list) else []
            )
            if isinstance(one, dict) and "JobName" in one:
                yield one["JobName"], one.get("Arguments", {})


def unknown(job, given, monkeypatch):
    """Returns the arguments that neither Glue nor the job reads; fails where one is missing."""
    read = set()
    resolve = arguments.getResolvedOptions

    def recorded(argv, options):
        read.update(f"--{one}" for one in options)
        return resolve(argv, options)

    monkeypatch.setattr(arguments, "getResolvedOptions", recorded)
    argv = ["job", *(word for pair in given.items() for word in pair)]
    for reader in (READERS[job], arguments.ReportArguments):
        reader.of([*argv, "--JOB_RUN_ID", "jr_1"])
    return given.keys() - read - OF_GLUE


def job_of(estate, name):
    return next(one for one in READERS if estate.names.job(one) == name)


def test_every_default_argument_is_read(estate, monkeypatch):
    assert set(jobs(estate)) == {estate.names.job(one) for one in READERS}
    for name, given in jobs(estate).items():
        job = job_of(estate, name)
        assert unknown(job, given | BY_HAND.get(job, {}), monkeypatch) == set(), name
        assert not given.keys() & INTERNAL
        assert len(json.dumps(given)) < LARGEST


def test_every_argument_of_a_started_run_is_read(estate, monkeypatch):
    runs = list(started(estate))
    assert len(runs) == 4
    for name, given in runs:
        times = dict.fromkeys(given, "2026-06-01T00:00:00Z")
        times |= {argument: "2026-06-02T00:00:00Z" for argument in given if argument == "--end"}
        job = job_of(estate, name)
        assert unknown(job, jobs(estate)[name] | times, monkeypatch) == set(), name


@pytest.mark.parametrize("name", ["--enable-metric", "--least_message", "--startt"])
def test_an_argument_that_nothing_reads_is_found(name, estate, monkeypatch):
    job = estate.names.job("telemetry_to_parquet")
    given = jobs(estate)[job] | BY_HAND["telemetry_to_parquet"] | {name: "1"}
    assert unknown("telemetry_to_parquet", given, monkeypatch) == {name}


def test_a_missing_argument_is_found(estate, monkeypatch):
    given = dict(jobs(estate)[estate.names.job("build_series")])
    del given["--channels"]
    with pytest.raises(GlueArgumentError, match="required: --channels"):
        unknown("build_series", given, monkeypatch)
