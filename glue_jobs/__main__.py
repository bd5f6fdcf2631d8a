"""``python -m glue_jobs run telemetry_to_parquet|build_series|all``."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from contracts.names import GLUE_JOBS, Names
from glue_jobs.errors import JobFailedError
from glue_jobs.job_client import FinishedRun, JobClient, Watch, Window


def main(argv: list[str] | None = None) -> int:
    """Run one job, or both in their order, and print what they counted."""
    options = _parser().parse_args(argv)
    console = Console()
    jobs = GLUE_JOBS if options.job == "all" else (options.job,)
    window = Window(options.start, options.end, options.cut)
    try:
        session = boto3.Session()
        names = Names.from_aws(session)
        client = JobClient(session, names)
        for job in jobs:
            console.print(_table(_run(client, job, window, console)))
    except (JobFailedError, ValueError) as error:
        return _refuse(str(error))
    except (BotoCoreError, ClientError) as error:
        return _refuse(f"AWS can't be reached or refuses: {error}")
    print(f"next: make train ENV={names.environment}")
    return 0


def _run(client: JobClient, job: str, window: Window, console: Console) -> FinishedRun:
    with console.status(f"{job}: starting") as status:
        return client.run(
            job, window, Watch(lambda state: status.update(f"{job}: {state.lower()}"))
        )


def _table(run: FinishedRun) -> Table:
    table = Table(
        title=f"{run.job}, {run.seconds} s", title_justify="left", show_header=False, min_width=40
    )
    table.add_column()
    table.add_column(justify="right")
    for name, value in _rows(run.counts):
        table.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    return table


def _rows(counts: dict[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in counts.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            rows.append((label, sum(value.values())))
            rows += [(f"  {reason}", count) for reason, count in value.items()]
        elif name != "job":
            rows.append((label, value))
    return rows


def _refuse(message: str) -> int:
    print(f"etl: {message}", file=sys.stderr)
    return 1


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected ISO 8601, such as 2026-01-31T12:00:00Z; got {text!r}"
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m glue_jobs", description=__doc__)
    run = parser.add_subparsers(required=True, metavar="run").add_parser(
        "run", help="start a Glue job and wait for its end"
    )
    run.add_argument("job", choices=(*GLUE_JOBS, "all"))
    run.add_argument(
        "--start",
        type=_time,
        help="begin of the arrival window (default: the first hour with raw messages)",
    )
    run.add_argument("--end", type=_time, help="its end (default: an hour from now)")
    run.add_argument(
        "--cut",
        type=_time,
        help="first hour kept out of training (default: the last 24 hours of the data)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
