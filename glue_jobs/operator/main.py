"""``python -m glue_jobs run telemetry_to_parquet|build_series|all|compact`` and ``… quality``."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime, timedelta

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from contracts.lake.queries import QueryError
from contracts.models.forecast_input import CHANNEL_FORMATS
from contracts.names import BUILD_SERIES, GLUE_JOBS, TELEMETRY_TO_PARQUET, Names
from glue_jobs.operator.backfill import Range
from glue_jobs.operator.errors import JobFailedError
from glue_jobs.operator.etl import INTERRUPTED, JOB_OPTIONS, Order, etl
from glue_jobs.operator.job_client import JobClient
from glue_jobs.operator.quality import quality

ETL = (TELEMETRY_TO_PARQUET, BUILD_SERIES)
"""The jobs that ``all`` stands for, in their order."""


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says."""
    options = _parser().parse_args(argv)
    console = Console()
    try:
        session = boto3.Session()
        names = Names.from_aws(session)
        if options.verb == "quality":
            return quality(session.client("athena"), names, options.days, console)
        arrivals = Range(options.start, options.end, options.window, options.resume)
        jobs = ETL if options.job == "all" else (options.job,)
        given = {name: getattr(options, name) for names in JOB_OPTIONS.values() for name in names}
        order = Order(
            jobs,
            arrivals,
            options.parallel,
            options.cut,
            options.max_quarantined_share,
            {name: value for name, value in given.items() if value is not None},
        )
        return etl(JobClient(session, names), order, console)
    except (JobFailedError, QueryError, ValueError) as error:
        return _refuse(options.verb, str(error))
    except (BotoCoreError, ClientError) as error:
        return _refuse(options.verb, f"AWS can't be reached or refuses: {error}")
    except KeyboardInterrupt:
        _refuse(options.verb, "stopped")
        return INTERRUPTED


def _refuse(verb: str, message: str) -> int:
    print(f"{'etl' if verb == 'run' else verb}: {message}", file=sys.stderr)
    return 1


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected ISO 8601, such as 2026-01-31T12:00:00Z; got {text!r}"
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _length(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9]\d*)([hd])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected hours or days, such as 6h or 1d; got {text!r}")
    number = int(match[1])
    return timedelta(hours=number) if match[2] == "h" else timedelta(days=number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m glue_jobs", description=__doc__)
    verbs = parser.add_subparsers(required=True, dest="verb")
    run = verbs.add_parser("run", help="start Glue jobs and wait for their end")
    run.add_argument("job", choices=(*GLUE_JOBS, "all"))
    run.add_argument(
        "--start",
        type=_time,
        help="begin of the arrivals (default: the first hour with raw messages)",
    )
    run.add_argument("--end", type=_time, help="their end (default: an hour from now)")
    run.add_argument(
        "--window",
        type=_length,
        default=timedelta(days=1),
        help="length of the windows that they are worked off in, such as 6h (default: 1d)",
    )
    run.add_argument("--parallel", type=int, default=1, help="windows at a time (default: 1)")
    run.add_argument(
        "--resume", type=_time, help="skip windows that a run since this time has worked off"
    )
    run.add_argument(
        "--max-quarantined-share",
        type=float,
        help="share of a window's messages, 0 to 1, above which it fails (default: the settings')",
    )
    run.add_argument(
        "--cut",
        type=_time,
        help="first hour kept out of training (default: the last 24 hours of the data)",
    )
    _add_job_options(run)
    measure = verbs.add_parser("quality", help="measure whether the tables are as expected")
    measure.add_argument(
        "--days", type=int, help="newest days of the tables to look at (default: all)"
    )
    return parser


def _add_job_options(run: argparse.ArgumentParser) -> None:
    """`JOB_OPTIONS`, as the jobs take them; None where they are not given."""
    run.add_argument(
        "--full",
        action="store_const",
        const="true",
        help="make series of all readings, not only of those of changed days",
    )
    run.add_argument(
        "--channel-format",
        choices=CHANNEL_FORMATS,
        help="of DeepAR's channels (default: the job's)",
    )
    run.add_argument(
        "--closed-after-hours",
        help="compact days to which nothing was added for so long (default: 48)",
    )
    run.add_argument(
        "--retain-hours", help="keep files for so long that are in no table any more (default: 168)"
    )
    run.add_argument(
        "--force",
        action="store_const",
        const="true",
        help="allow less than 168: breaks runs and queries that are under way",
    )


if __name__ == "__main__":
    sys.exit(main())
