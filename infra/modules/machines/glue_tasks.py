"""The lake's Glue jobs as tasks of a state machine: messages to readings, readings to series."""

from __future__ import annotations

from contracts.names import BUILD_SERIES, TELEMETRY_TO_PARQUET, Names
from infra.modules.core.policy import Statement
from infra.modules.machines.states_language import State, expression, task


def series_of_arrivals(names: Names, *, start: str, end: str, then: str) -> dict[str, State]:
    """The states ``Readings`` and ``Series``.

    Parameters
    ----------
    start, end
        JSONata of the window of arrival; what was read before is not doubled.
    """
    window = {"--start": expression(start), "--end": expression(end)}
    return {
        "Readings": _job(names, "Readings", TELEMETRY_TO_PARQUET, window, then="Series"),
        "Series": _job(names, "Series", BUILD_SERIES, {}, then=then),
    }


def _job(names: Names, step: str, job: str, arguments: dict[str, str], *, then: str) -> State:
    return task(
        step,
        "glue:startJobRun.sync",
        {"JobName": names.job(job), "Arguments": arguments},
        then=then,
        busy=("Glue.ConcurrentRunsExceededException",),
        log=f"/aws-glue/{names.part('jobs')}/error",
    )


def job_runs_statement(names: Names) -> Statement:
    """Leave to run the two jobs, and to follow and stop their runs."""
    glue = f"arn:aws:glue:{names.region}:{names.account_id}"
    return Statement(
        "RunGlueJobs",
        ("glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun"),
        tuple(f"{glue}:job/{names.job(job)}" for job in (TELEMETRY_TO_PARQUET, BUILD_SERIES)),
    )
