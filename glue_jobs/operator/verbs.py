"""Verbs of the lake: parse the command line and call the functions that implement them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import boto3
from cyclopts import Parameter, Token
from cyclopts.validators import Number
from rich.console import Console

from contracts.lake.withdrawals import Withdrawal
from contracts.models.forecast_input import CHANNEL_FORMATS
from contracts.names import BUILD_SERIES, COMPACT, ENVIRONMENTS, TELEMETRY_TO_PARQUET, Names
from contracts.times import utc_time
from glue_jobs.operator import etl as work
from glue_jobs.operator import quality as measuring
from glue_jobs.operator import withdrawals as withdrawing
from glue_jobs.operator.backfill import Range
from glue_jobs.operator.job_client import JobClient

ETL = (TELEMETRY_TO_PARQUET, BUILD_SERIES)
"""Jobs of ``all``, in their order."""

DAY = timedelta(days=1)


def _time(_: object, tokens: Sequence[Token]) -> datetime:
    return utc_time(tokens[0].value)


def _length(_: object, tokens: Sequence[Token]) -> timedelta:
    text = tokens[0].value
    match = re.fullmatch(r"([1-9]\d*)([hd])", text)
    if match is None:
        raise ValueError(f"expected hours or days, such as 6h or 1d; got {text!r}")
    number = int(match[1])
    return timedelta(hours=number) if match[2] == "h" else timedelta(days=number)


Time = Annotated[datetime, Parameter(converter=_time)]
Length = Annotated[timedelta, Parameter(converter=_length, show_default="1d")]
Hours = Annotated[int, Parameter(validator=Number(gte=0))]
Environment = Annotated[str, Parameter(choices=ENVIRONMENTS, help="Environment of the estate.")]


def etl(
    job: Literal["all", "telemetry_to_parquet", "build_series"] = "all",
    *,
    start: Time | None = None,
    end: Time | None = None,
    window: Length = DAY,
    parallel: int = 1,
    resume: Time | None = None,
    max_quarantined_share: float | None = None,
    cut: Time | None = None,
    full: bool = False,
    channel_format: Annotated[str | None, Parameter(choices=CHANNEL_FORMATS)] = None,
    env: Environment = "local",
) -> int:
    """Turn raw messages into readings, series and channels.

    Parameters
    ----------
    job
        Only this job.
    start
        Start of the arrivals, such as 2026-01-31T12:00:00Z; default: the first hour with raw
        messages.
    end
        End of the arrivals; default: an hour from now.
    window
        Length of the windows that the arrivals are processed in, such as 6h.
    parallel
        Number of windows processed in parallel.
    resume
        Skip windows that a run has processed since this time.
    max_quarantined_share
        Share of a window's messages, 0 to 1, above which it fails; default: from the settings.
    cut
        First hour excluded from training; default: the last 24 hours of the data are excluded.
    full
        Build series from all readings, not only from those of changed days.
    channel_format
        Format of DeepAR's channels; default: the job's own.
    """
    options = {"full": "true" if full else None, "channel_format": channel_format}
    order = work.Order(
        ETL if job == "all" else (job,),
        Range(start, end, window, resume),
        parallel,
        cut,
        max_quarantined_share,
        {name: value for name, value in options.items() if value is not None},
    )
    return work.etl(_client(env), order, Console())


def compact(
    *,
    closed_after: Hours | None = None,
    retain: Hours | None = None,
    force: bool = False,
    env: Environment = "local",
) -> int:
    """Merge small files of closed days into large ones.

    Parameters
    ----------
    closed_after
        Hours without new readings after which a day is compacted; default: 48.
    retain
        Hours to keep files that no table uses any more; default: 168.
    force
        Allow fewer than 168; this breaks active runs and queries.
    """
    options = {
        "closed_after_hours": None if closed_after is None else str(closed_after),
        "retain_hours": None if retain is None else str(retain),
        "force": "true" if force else None,
    }
    order = work.Order(
        (COMPACT,),
        Range(None, None, DAY),
        1,
        None,
        None,
        {name: value for name, value in options.items() if value is not None},
    )
    return work.etl(_client(env), order, Console())


def withdraw(
    *,
    device: str,
    start: Time,
    end: Time,
    why: str,
    boot_id: str | None = None,
    env: Environment = "local",
) -> int:
    """Take wrong readings of a device out of the lake.

    Parameters
    ----------
    device
        Device of the readings.
    start
        Time of the first reading, such as 2026-01-31T12:00:00Z.
    end
        Time after the last reading.
    why
        Reason; it is kept with the withdrawal.
    boot_id
        Only the readings of this start of the device.
    """
    withdrawal = Withdrawal(device, start, end, why, datetime.now(UTC), boot_id)
    client, s3 = _client(env), boto3.Session().client("s3")
    return withdrawing.withdraw(client, s3, withdrawal, Console())


def reinstate(*, withdrawal: str, env: Environment = "local") -> int:
    """Let the readings of a withdrawal into the lake again.

    Parameters
    ----------
    withdrawal
        Id that ``withdraw`` printed.
    """
    return withdrawing.reinstate(_client(env), boto3.Session().client("s3"), withdrawal, Console())


def quality(
    *,
    days: Annotated[int, Parameter(validator=Number(gte=1))] | None = None,
    env: Environment = "local",
) -> int:
    """Measure whether the tables are as expected.

    Parameters
    ----------
    days
        Number of newest days of the tables to measure; default: all.
    """
    session = boto3.Session()
    names = Names.from_aws(session, env)
    return measuring.quality(session.client("athena"), names, days, Console())


def _client(environment: str) -> JobClient:
    session = boto3.Session()
    return JobClient(session, Names.from_aws(session, environment))
