"""Implements ``make withdraw`` and ``make reinstate``: wrong readings out of the lake, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from contracts.lake.locations import TELEMETRY
from contracts.lake.withdrawals import Withdrawal, key_of
from contracts.names import TELEMETRY_TO_PARQUET, Names
from glue_jobs.operator.errors import JobFailedError
from glue_jobs.operator.job_client import JobClient, Window, iso


def withdraw(client: JobClient, s3: Any, withdrawal: Withdrawal, console: Console) -> int:
    """Write a withdrawal, run the job that applies it, and print how many readings it removed.

    Raises
    ------
    JobFailedError
        The job failed. The withdrawal stays, and the next run applies it.
    """
    s3.put_object(
        **_place(client.names, withdrawal.key),
        Body=withdrawal.to_json().encode(),
        ContentType="application/json",
    )
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    run = client.run(TELEMETRY_TO_PARQUET, Window(start=now, end=now + timedelta(hours=1)))
    console.print(f"{run.counts['withdrawn']:,} readings withdrawn as {withdrawal.id}")
    print(f"next: make etl FULL=1 ENV={client.names.environment}")
    return 0


def reinstate(client: JobClient, s3: Any, id_: str, console: Console) -> int:
    """Delete a withdrawal, and print what brings its readings back.

    Raises
    ------
    JobFailedError
        There is no such withdrawal.
    ValueError
        The text is no id of a withdrawal.
    """
    place = _place(client.names, key_of(id_))
    try:
        withdrawal = Withdrawal.from_json(s3.get_object(**place)["Body"].read())
    except s3.exceptions.NoSuchKey:
        raise JobFailedError(
            f"there is no withdrawal {id_} in {TELEMETRY.uri(client.names)}; list them with "
            f"`aws s3 ls {TELEMETRY.uri(client.names)}_withdrawn/`"
        ) from None
    s3.delete_object(**place)
    console.print(
        f"the readings of {withdrawal.device_id} from {iso(withdrawal.start)} to "
        f"{iso(withdrawal.end)} may enter the lake; run the windows again in which they arrived"
    )
    print(f"next: make etl FULL=1 ENV={client.names.environment}")
    return 0


def _place(names: Names, key: str) -> dict[str, str]:
    return {"Bucket": names.bucket(TELEMETRY.purpose), "Key": f"{TELEMETRY.prefix}{key}"}
