"""Runs the estate's Glue jobs on the run's readings, into tables of the run's own."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from contracts.lake.locations import JOB_LOCATIONS, RAW_RULE_ERRORS, RAW_TELEMETRY
from contracts.names import BUILD_SERIES, TELEMETRY_TO_PARQUET
from smoke.errors import HopError
from smoke.hops.devices import arrival_hours, sent_of
from smoke.hops.hop import Found, Hop, pause_of, until
from smoke.place import Place, device_prefix
from smoke.prices import Usage

PATIENCE = 900.0
"""Seconds to wait for another run of a job that runs once at a time."""
DPUS = {"G.025X": 0.25, "G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8}


def hops() -> tuple[Hop, ...]:
    """Returns the hops in their order."""
    return (
        Hop(
            "readings",
            f"turn them into readings with Glue ({TELEMETRY_TO_PARQUET})",
            "each reading once, none in quarantine",
            _readings,
        ),
        Hop(
            "series",
            f"build hourly series and channels with Glue ({BUILD_SERIES})",
            "series and recent history of two devices",
            _series,
        ),
    )


def _readings(place: Place) -> Found:
    expected = sent_of(place)
    start, end = arrival_hours(place)
    run, counts, usage = _run(
        place,
        TELEMETRY_TO_PARQUET,
        {
            "start": _iso(start),
            "end": _iso(end),
            "only_devices": f"{device_prefix(place.names.environment)}{place.run}",
        },
    )
    kept, quarantined = int(counts["kept"] or 0), int(counts["quarantined"] or 0)
    if kept != expected or quarantined:
        raise HopError(
            f"{kept} of {expected} readings, and {quarantined} messages in quarantine",
            f"{_logs(place)}, stream {run}; docs/runbooks/quarantine.md",
        )
    return Found(f"{kept} readings", {"readings": kept, **_seconds(usage, place)}, [usage])


def _series(place: Place) -> Found:
    run, counts, usage = _run(place, BUILD_SERIES, {})
    found = dict(counts["counts"] or ())
    if found.get("devices") != len(place.devices) or not found.get("trained_series"):
        raise HopError(f"counts {found}", f"{_logs(place)}, stream {run}")
    return Found(
        f"{found['trained_series']} series of {found['devices']} devices, "
        f"{found['values']} hourly values",
        {"series": found["trained_series"], "values": found["values"], **_seconds(usage, place)},
        [usage],
    )


def _seconds(usage: Usage, place: Place) -> dict[str, float]:
    return {"glue_seconds": round(usage.quantity * 3600 / _dpus(place), 1)}


def _dpus(place: Place) -> float:
    return DPUS[place.settings.glue.worker_type] * place.settings.glue.workers


def locations_of(place: Place, job: str) -> dict[str, str]:
    """Returns the locations of a job: it reads the estate's messages, and writes the run's own."""
    shared = (RAW_TELEMETRY, RAW_RULE_ERRORS)
    return {
        name: at.uri(place.names)
        if at in shared
        else f"{(place.models if at.purpose == 'models' else place.tables).uri(place.names)}{name}/"
        for name, at in JOB_LOCATIONS[job].items()
    }


def _run(
    place: Place, job: str, options: Mapping[str, str]
) -> tuple[str, Mapping[str, Any], Usage]:
    """Runs a job to its end, and returns its id, its row in the table of runs, and its usage."""
    glue, name = place.client("glue"), place.names.job(job)
    arguments = {
        **locations_of(place, job),
        **options,
        "environment": f"{place.names.environment}-smoke",  # alarms look at other metrics
        "max_quarantined_share": "1",
    }

    def start() -> str | None:
        try:
            return str(
                glue.start_job_run(
                    JobName=name, Arguments={f"--{key}": value for key, value in arguments.items()}
                )["JobRunId"]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConcurrentRunsExceededException":
                return None
            raise HopError(
                f"{name} can't be started: {error}", "docs/runbooks/a-verb-fails.md"
            ) from None

    def busy() -> HopError:
        return HopError(f"{name} was running for {PATIENCE:.0f} s", f"the runs of {name}")

    run = until(start, PATIENCE, pause_of(place), busy)

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = glue.get_job_run(JobName=name, RunId=run)["JobRun"]
        return (
            None
            if found["JobRunState"] in ("STARTING", "RUNNING", "STOPPING", "WAITING")
            else found
        )

    def late() -> HopError:
        return HopError(f"run {run} has not ended", f"the runs of {name}")

    limit = place.settings.glue.timeout_minutes * 60 + PATIENCE
    end = until(ended, limit, min(pause_of(place), 2.0), late)
    if end["JobRunState"] != "SUCCEEDED":
        reason = " ".join(end.get("ErrorMessage", "no reason given").split())
        raise HopError(f"{end['JobRunState']}: {reason}", f"{_logs(place)}, stream {run}")
    hours = max(end["ExecutionTime"], 60) / 3600  # Glue charges a minute at least
    return run, _row(place, run), Usage("glue.dpu_hour", hours * _dpus(place))


def _row(place: Place, run: str) -> Mapping[str, Any]:
    """Returns a run's row in the table of runs."""
    s3, bucket = place.client("s3"), place.names.bucket(place.tables.purpose)
    prefix = f"{place.tables.prefix}runs/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    for key in keys:
        if key.endswith(f"/{run}.parquet"):
            file = io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            rows = pq.read_table(file, partitioning=None).to_pylist()
            found: Mapping[str, Any] = rows[0]
            return found
    raise HopError(f"run {run} wrote no row to s3://{bucket}/{prefix}", _logs(place))


def _logs(place: Place) -> str:
    return f"{place.names.log_groups.jobs_error} (log group)"


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
