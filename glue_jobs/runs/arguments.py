"""Arguments of the jobs, read once at the entry point in the form that AWS Glue passes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from awsglue.utils import getResolvedOptions

from contracts.messages.telemetry import MAX_READING_AGE
from contracts.models.forecast_input import CHANNEL_FORMATS
from contracts.times import utc_time

HOUR = timedelta(hours=1)
CLOSED_AFTER = timedelta(days=2)
MAX_HISTORY = timedelta(days=1100)
SAFE_RETENTION = timedelta(days=7)
"""Longer than any run or query takes; also Delta's own limit."""


@dataclass(frozen=True)
class ReportArguments:
    """Arguments of every job: where a run reports its result, and when it fails.

    Parameters
    ----------
    runs
        URI of the table of runs.
    environment
        Name of the environment, a dimension of the metrics.
    metrics_namespace
        CloudWatch namespace.
    max_quarantined_share
        Share of quarantined messages, 0 to 1, above which a run fails.
    least_messages
        Minimum number of messages for this failure.
    run_id
        AWS Glue's id of the run.
    """

    runs: str
    environment: str
    metrics_namespace: str
    max_quarantined_share: float
    least_messages: int
    run_id: str

    @classmethod
    def of(cls, argv: list[str]) -> ReportArguments:
        """Read a command line.

        Raises
        ------
        ValueError
            A number is invalid or out of its range.
        """
        words = ("runs", "environment", "metrics_namespace")
        options = getResolvedOptions(argv, [*words, "max_quarantined_share", "least_messages"])
        share, least = options["max_quarantined_share"], options["least_messages"]
        try:
            numbers = float(share), int(least)
        except ValueError:
            numbers = -1.0, -1
        if not (0 <= numbers[0] <= 1 and numbers[1] >= 0):
            raise ValueError(
                "expected --max_quarantined_share from 0 to 1 and --least_messages of 0 or more; "
                f"got {share!r} and {least!r}"
            )
        return cls(
            runs=_folder(options["runs"]),
            environment=options["environment"],
            metrics_namespace=options["metrics_namespace"],
            max_quarantined_share=numbers[0],
            least_messages=numbers[1],
            run_id=_run_id(options),
        )


@dataclass(frozen=True)
class TelemetryArguments:
    """Arguments of ``telemetry_to_parquet``.

    Parameters
    ----------
    raw_telemetry, raw_errors
        URIs of Firehose's objects and of the topic rule's error documents.
    telemetry, quarantine
        URIs of the written tables.
    start, end
        Arrival window ``[start, end)``.
    run_id
        AWS Glue's id of the run.
    max_reading_age
        Age at arrival above which a reading is of a clock that was not set.
    only_devices
        Prefix of the names of the devices to read; None reads all but those of smoke tests.
    """

    raw_telemetry: str
    raw_errors: str
    telemetry: str
    quarantine: str
    start: datetime
    end: datetime
    run_id: str
    max_reading_age: timedelta = MAX_READING_AGE
    only_devices: str | None = None

    @classmethod
    def of(cls, argv: list[str]) -> TelemetryArguments:
        """Read a command line.

        Raises
        ------
        ValueError
            A time is not ISO 8601, the window is empty, or a number of days is invalid.
        """
        folders = ("raw_telemetry", "raw_errors", "telemetry", "quarantine")
        options = _options(
            argv, [*folders, "start", "end"], ["max_reading_age_days", "only_devices"]
        )
        start, end = (_time(options, name) for name in ("start", "end"))
        if start >= end:
            raise ValueError(f"expected --start before --end; got {start} and {end}")
        return cls(
            **{name: _folder(options[name]) for name in folders},
            start=start,
            end=end,
            run_id=_run_id(options),
            max_reading_age=_days(options, "max_reading_age_days", MAX_READING_AGE),
            only_devices=options.get("only_devices"),
        )


@dataclass(frozen=True)
class SeriesArguments:
    """Arguments of ``build_series``.

    Parameters
    ----------
    telemetry
        URI of the table of readings.
    series, channels, recent
        URIs of the outputs.
    cut
        First hour that is excluded from the training channel; by default the last 24 hours of the
        data are held out.
    channel_format
        One of `contracts.models.forecast_input.CHANNEL_FORMATS`.
    full
        Whether to rebuild everything from all readings, regardless of earlier runs.
    run_id
        AWS Glue's id of the run.
    max_history
        Length of the series before the last hour; earlier hours are left out.
    """

    telemetry: str
    series: str
    channels: str
    recent: str
    cut: datetime | None
    channel_format: str
    full: bool
    run_id: str
    max_history: timedelta = MAX_HISTORY

    @classmethod
    def of(cls, argv: list[str]) -> SeriesArguments:
        """Read a command line.

        Raises
        ------
        ValueError
            ``--cut`` is not an hour in ISO 8601, or another argument has an unknown value.
        """
        folders = ("telemetry", "series", "channels", "recent")
        options = _options(argv, folders, ("cut", "channel_format", "full", "max_history_days"))
        cut = _time(options, "cut") if "cut" in options else None
        if cut is not None and (cut.minute, cut.second, cut.microsecond) != (0, 0, 0):
            raise ValueError(f"expected --cut at a full hour; got {cut}")
        return cls(
            **{name: _folder(options[name]) for name in folders},
            cut=cut,
            channel_format=_word(options, "channel_format", CHANNEL_FORMATS),
            full=_word(options, "full", ("false", "true")) == "true",
            run_id=_run_id(options),
            max_history=_days(options, "max_history_days", MAX_HISTORY),
        )


@dataclass(frozen=True)
class CompactArguments:
    """Arguments of ``compact``.

    Parameters
    ----------
    telemetry, quarantine, series
        URIs of the tables.
    closed_after
        Time without additions after which a day is closed.
    retain
        Time for which files are kept that no table uses any more.
    force
        Whether ``retain`` may be shorter than `SAFE_RETENTION`.
    run_id
        AWS Glue's id of the run.
    """

    telemetry: str
    quarantine: str
    series: str
    closed_after: timedelta
    retain: timedelta
    force: bool
    run_id: str

    @classmethod
    def of(cls, argv: list[str]) -> CompactArguments:
        """Read a command line.

        Raises
        ------
        ValueError
            A number of hours is invalid, or ``retain`` is below `SAFE_RETENTION` without ``force``.
        """
        folders = ("telemetry", "quarantine", "series")
        options = _options(argv, folders, ("closed_after_hours", "retain_hours", "force"))
        force = _word(options, "force", ("false", "true")) == "true"
        retain = _hours(options, "retain_hours", SAFE_RETENTION)
        if retain < SAFE_RETENTION and not force:
            raise ValueError(
                f"expected --retain_hours of at least {SAFE_RETENTION / HOUR:g}, because runs and "
                f"queries may still read younger files; got {retain / HOUR:g}; --force true "
                "deletes them anyway"
            )
        return cls(
            **{name: _folder(options[name]) for name in folders},
            closed_after=_hours(options, "closed_after_hours", CLOSED_AFTER),
            retain=retain,
            force=force,
            run_id=_run_id(options),
        )


def _options(argv: list[str], needed: Sequence[str], optional: Sequence[str]) -> dict[str, str]:
    """Return getResolvedOptions's result with optional arguments, which it does not support."""
    given = {word.partition("=")[0].removeprefix("--") for word in argv if word.startswith("--")}
    found: dict[str, str] = getResolvedOptions(
        argv, [*needed, *(name for name in optional if name in given)]
    )
    return found


def _word(options: dict[str, str], name: str, words: Sequence[str]) -> str:
    """Return an option that must be one of some words; the default is the first."""
    word = options.get(name, words[0])
    if word not in words:
        raise ValueError(f"expected --{name} to be one of {', '.join(words)}; got {word!r}")
    return word


def _hours(options: dict[str, str], name: str, default: timedelta) -> timedelta:
    if name not in options:
        return default
    try:
        hours = float(options[name])
    except ValueError:
        hours = -1.0
    if not 0 <= hours < float("inf"):
        raise ValueError(f"expected --{name} of 0 or more; got {options[name]!r}")
    return hours * HOUR


def _days(options: dict[str, str], name: str, default: timedelta) -> timedelta:
    """Return a whole number of days, at least one, that a time in this century can be moved by."""
    if name not in options:
        return default
    text = options[name]
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError(f"expected --{name} from 1 to 999999; got {text!r}")
    return timedelta(days=int(text))


def _folder(uri: str) -> str:
    return uri if uri.endswith("/") else f"{uri}/"


def _time(options: dict[str, str], name: str) -> datetime:
    return utc_time(options[name], f"--{name}")


def _run_id(options: dict[str, str]) -> str:
    """Return the run's id, which AWS Glue passes to every job; a manual run uses the time."""
    return options.get("JOB_RUN_ID") or f"{datetime.now(UTC):by-hand-%Y%m%dT%H%M%S}"
