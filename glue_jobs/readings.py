"""From messages to readings: judged against the contract, each sound or with what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.telemetry import (
    CLOCK_TOLERANCE_HOURS,
    CONCENTRATION_LIMITS,
    EARLIEST,
    IDENTITY,
    POLLUTANTS,
    VERSIONS,
    Version,
)

REASONS = {
    "damaged_object": "the object is cut off or damaged; what could be read of it was",
    "not_json": "the message is not one JSON object",
    "bad_batch": "readings is no list of objects",
    "wrong_type": "a field has a value of another type, such as text in a number",
    "missing_thing_name": "nothing tells which thing published the message",
    "unknown_version": "schema_version is none that the ETL knows",
    "foreign_device": "device_id is not the thing that published the message",
    "missing_identity": "a field of the identity is missing",
    "missing_time": "there is no timestamp",
    "bad_time": "the timestamp is not RFC 3339",
    "before_2000": "the clock was not set",
    "in_the_future": "the clock is wrong: the reading arrived before it was taken",
    "no_position": "longitude and latitude are both 0, what a receiver without a fix reports",
    "out_of_range": "a sequence, longitude or latitude that cannot be",
    "impossible_concentration": "a concentration below 0 or above what any air holds",
}
"""Why a message is in quarantine; where several hold, the first."""


def classify(messages: DataFrame, versions: Iterable[Version] = VERSIONS) -> DataFrame:
    """Every message as a reading or with a reason for quarantine.

    Parameters
    ----------
    messages
        As of `glue_jobs.messages`, with the fields of the same versions.

    Returns
    -------
    DataFrame
        One row a message: the columns of `glue_jobs.tables.READINGS`, ``date`` (day of the
        reading), ``arrival_date``, ``source``, ``reason`` (null: a sound reading), ``detail``,
        and ``raw_line`` where there is a reason.
    """
    known = tuple(versions)
    judged = (
        messages.withColumn("thing_name", F.coalesce("published_by", "thing_name"))
        .withColumn("received", _received_at())
        .withColumns({name: _pollutant(name, known) for name in POLLUTANTS})
        .withColumn("verdict", _verdict(known))
    )
    return judged.select(
        F.coalesce("device_id", "thing_name").alias("device_id"),
        "boot_id",
        "sequence",
        F.col("taken_at").alias("timestamp"),
        *POLLUTANTS,
        "longitude",
        "latitude",
        # only a known version is sure to fit
        F.when(F.col("verdict").isNull(), F.col("schema_version").cast("int")).alias(
            "schema_version"
        ),
        "thing_name",
        F.col("received").alias("received_at"),
        "extra",
        F.col("taken_at").cast("date").cast("string").alias("date"),
        F.col("arrived").cast("date").cast("string").alias("arrival_date"),
        "source",
        "verdict.reason",
        "verdict.detail",
        F.when(F.col("verdict").isNotNull(), F.btrim("raw_line", F.lit("\n"))).alias("raw_line"),
    )


def _received_at() -> Column:
    """The rule's stamp; the hour of arrival for a message that did not pass the rule."""
    return F.when(
        F.col("published_by").isNull() & F.col("received_at").isNotNull(),
        F.timestamp_millis("received_at"),
    ).otherwise(F.col("arrived"))


def _pollutant(name: str, versions: tuple[Version, ...]) -> Column:
    spellings = dict.fromkeys(
        spelling
        for version in versions
        for spelling, column in version.spellings.items()
        if column == name
    )
    in_versions = any(name in version.fields for version in versions)
    return F.coalesce(*([name] if in_versions else []), *spellings)


def _verdict(versions: tuple[Version, ...]) -> Column:
    """Reason and detail of the first thing that is wrong, or null."""
    column = F.col
    device, thing = column("device_id"), F.coalesce("thing_name", F.lit(""))
    time, received = column("taken_at"), column("received")
    latest = received + F.expr(f"INTERVAL {CLOCK_TOLERANCE_HOURS} HOURS")
    numbers = [version.number for version in versions if version.number is not None]
    faults = [
        ("missing_thing_name", thing == "", F.lit("expected thing_name, which the rule adds")),
        (
            "unknown_version",
            ~column("schema_version").isin(numbers),
            _said(
                "expected schema_version ",
                " or ".join(map(str, numbers)),
                "; got ",
                column("schema_version"),
            ),
        ),
        ("foreign_device", device != thing, _said("expected device_id ", thing, "; got ", device)),
        *(_missing_identity(version) for version in versions),
        ("missing_time", column("timestamp").isNull(), F.lit("expected timestamp")),
        (
            "bad_time",
            time.isNull(),
            _said("expected timestamp in RFC 3339; got ", column("timestamp")),
        ),
        (
            "before_2000",
            time < F.lit(EARLIEST).cast("timestamp"),
            _said(f"expected timestamp from {EARLIEST} on; got ", column("timestamp")),
        ),
        (
            "in_the_future",
            time > latest,
            _said(
                f"expected timestamp at most {CLOCK_TOLERANCE_HOURS} h after its arrival at ",
                received,
                "; got ",
                column("timestamp"),
            ),
        ),
        (
            "no_position",
            (column("longitude") == 0) & (column("latitude") == 0),
            F.lit("expected a position or none; got longitude 0 and latitude 0"),
        ),
        ("out_of_range", *_outside(_RANGES)),
        (
            "impossible_concentration",
            *_outside({name: (0, most) for name, most in CONCENTRATION_LIMITS.items()}),
        ),
    ]
    fault = F.struct(column("fault").alias("reason"), column("fault_detail").alias("detail"))
    verdict = F.when(column("fault").isNotNull(), fault)
    for reason, holds, detail in faults:
        verdict = verdict.when(
            holds, F.struct(F.lit(reason).alias("reason"), detail.alias("detail"))
        )
    return verdict


_RANGES = {"sequence": (0, 2**63 - 1), "longitude": (-180, 180), "latitude": (-90, 90)}
Fault = tuple[str, Column, Column]
"""Reason, when it holds, and the detail."""


def _missing_identity(version: Version) -> Fault:
    """A message that says no version, but something of an identity, must say all of it."""
    stated = F.col("schema_version")
    required = version.identity or IDENTITY
    if version.number is None:
        some = F.col("boot_id").isNotNull() | F.col("sequence").isNotNull()
        is_version = stated.isNull() & some
    else:
        is_version = stated == F.lit(version.number)
    missing = reduce(or_, (F.col(name).isNull() for name in required), F.lit(False))
    got = F.concat_ws(", ", *(F.when(F.col(name).isNotNull(), name) for name in required))
    return (
        "missing_identity",
        is_version & missing,
        _said(f"expected {', '.join(required)}; got ", F.when(got == "", "none").otherwise(got)),
    )


def _outside(ranges: Mapping[str, tuple[float, float]]) -> tuple[Column, Column]:
    """Whether some values are outside their ranges, and which."""
    outside = {
        name: (F.col(name) < low) | (F.col(name) > high) for name, (low, high) in ranges.items()
    }
    details = (
        F.when(outside[name], _said(f"expected {name} from {low:,} to {high:,}; got ", F.col(name)))
        for name, (low, high) in ranges.items()
    )
    return (
        reduce(or_, (F.coalesce(holds, F.lit(False)) for holds in outside.values())),
        F.concat_ws(". ", *details),
    )


def _said(*parts: str | Column) -> Column:
    return F.concat(
        *(F.lit(part) if isinstance(part, str) else part.cast("string") for part in parts)
    )
