"""Arguments of the jobs, read once at their entry, as AWS Glue passes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from awsglue.utils import getResolvedOptions


@dataclass(frozen=True)
class TelemetryArguments:
    """Of ``telemetry_to_parquet``.

    Parameters
    ----------
    raw_telemetry, raw_errors
        URIs of what Firehose delivered and of the topic rule's error documents.
    telemetry, quarantine
        URIs of the tables that are written.
    runs
        URI below which the job leaves its counts.
    start, end
        Arrival window ``[start, end)``.
    run_id
        AWS Glue's id of the run.
    """

    raw_telemetry: str
    raw_errors: str
    telemetry: str
    quarantine: str
    runs: str
    start: datetime
    end: datetime
    run_id: str

    @classmethod
    def of(cls, argv: list[str]) -> TelemetryArguments:
        """From a command line.

        Raises
        ------
        ValueError
            Where a time is not ISO 8601 or the window is empty.
        """
        folders = ("raw_telemetry", "raw_errors", "telemetry", "quarantine", "runs")
        options = getResolvedOptions(argv, [*folders, "start", "end"])
        start, end = (_time(options, name) for name in ("start", "end"))
        if start >= end:
            raise ValueError(f"expected --start before --end; got {start} and {end}")
        return cls(
            **{name: _folder(options[name]) for name in folders},
            start=start,
            end=end,
            run_id=_run_id(options),
        )


@dataclass(frozen=True)
class SeriesArguments:
    """Of ``build_series``.

    Parameters
    ----------
    telemetry
        URI of the table of readings.
    series, channels, recent
        URIs of what is written.
    runs
        URI below which the job leaves its counts.
    cut
        First hour that the training channel does not see; by default the last 24 hours of the
        data are held out.
    run_id
        AWS Glue's id of the run.
    """

    telemetry: str
    series: str
    channels: str
    recent: str
    runs: str
    cut: datetime | None
    run_id: str

    @classmethod
    def of(cls, argv: list[str]) -> SeriesArguments:
        """From a command line.

        Raises
        ------
        ValueError
            Where ``--cut`` is not an hour in ISO 8601.
        """
        folders = ("telemetry", "series", "channels", "recent", "runs")
        # getResolvedOptions knows no optional arguments.
        optional = ["cut"] if any(a == "--cut" or a.startswith("--cut=") for a in argv) else []
        options = getResolvedOptions(argv, [*folders, *optional])
        cut = _time(options, "cut") if optional else None
        if cut is not None and (cut.minute, cut.second, cut.microsecond) != (0, 0, 0):
            raise ValueError(f"expected --cut at a full hour; got {cut}")
        return cls(
            **{name: _folder(options[name]) for name in folders}, cut=cut, run_id=_run_id(options)
        )


def _folder(uri: str) -> str:
    return uri if uri.endswith("/") else f"{uri}/"


def _time(options: dict[str, str], name: str) -> datetime:
    try:
        time = datetime.fromisoformat(options[name])
    except ValueError:
        raise ValueError(
            f"expected --{name} in ISO 8601, such as 2026-01-31T12:00:00Z; got {options[name]!r}"
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _run_id(options: dict[str, str]) -> str:
    """AWS Glue passes it to every job; a run by hand has the time for its id."""
    return options.get("JOB_RUN_ID") or f"{datetime.now(UTC):by-hand-%Y%m%dT%H%M%S}"
