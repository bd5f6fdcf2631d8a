"""From messages to readings: parse against the contract, and say of each what is wrong with it."""

from __future__ import annotations

from functools import reduce
from operator import add, or_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contracts.telemetry import LEGACY_FIELD_NAMES, POLLUTANTS, SCHEMA_VERSION

REASONS = {
    "not_json": "the message is not one JSON object",
    "wrong_type": "a field has a value of another type, such as text in a number",
    "missing_thing_name": "nothing tells which thing published the message",
    "unknown_version": f"schema_version is not {SCHEMA_VERSION}",
    "foreign_device": "device_id is not the thing that published the message",
    "missing_identity": "boot_id or sequence is missing from a message of version 1",
    "missing_time": "there is no timestamp",
    "bad_time": "the timestamp is not RFC 3339",
    "out_of_range": "a value that cannot be",
}
"""Why a message is in quarantine; where several hold, the first."""

INTEGERS = {"schema_version": "int", "sequence": "bigint", "received_at": "bigint"}
CONCENTRATIONS = (*POLLUTANTS, *LEGACY_FIELD_NAMES)
NUMBERS = (*INTEGERS, *CONCENTRATIONS, "longitude", "latitude")
TEXTS = ("device_id", "boot_id", "timestamp", "thing_name")
KNOWN_FIELDS = (*TEXTS, *NUMBERS)

RFC_3339 = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?$"
"""Devices from before version 1 may leave the offset away; they mean UTC."""

EARLIEST = "2000-01-01 00:00:00"  # a clock that was never set starts in 1970
CLOCK_TOLERANCE = "INTERVAL 1 DAY"  # how far a device's clock may run ahead of the time of arrival


def classify(messages: DataFrame) -> DataFrame:
    """Every message as a reading or with a reason for quarantine.

    Parameters
    ----------
    messages
        As of `glue_jobs.messages`.

    Returns
    -------
    DataFrame
        One row a message: the columns of `glue_jobs.tables.READINGS`, ``date`` (day of the
        reading), ``arrival_date``, ``source``, ``reason`` (null: a sound reading), ``detail``,
        and ``raw_line`` where there is a reason.
    """
    fields = F.col("parsed.message")
    parsed = messages.withColumn("parsed", _parsed(F.col("raw_line"))).select(
        "*",
        *(fields[name].alias(name) for name in KNOWN_FIELDS if name not in ("thing_name",)),
        F.coalesce("published_by", fields["thing_name"]).alias("thing_name"),
        (fields.isNotNull() & F.coalesce("parsed.complete", F.lit(False))).alias("is_object"),
        F.col("parsed.malformed").isNotNull().alias("has_wrong_type"),
    )
    typed = (
        parsed.withColumn("values", _values_as_text())
        .withColumn("taken_at", _time(F.col("timestamp")))
        .withColumn("received", _received_at())
    )
    judged = typed.withColumn("verdict", _verdict())
    return judged.select(
        F.coalesce("device_id", "thing_name").alias("device_id"),
        "boot_id",
        "sequence",
        F.col("taken_at").alias("timestamp"),
        *(_pollutant(name) for name in POLLUTANTS),
        "longitude",
        "latitude",
        "schema_version",
        "thing_name",
        F.col("received").alias("received_at"),
        _unknown_fields().alias("extra"),
        F.date_format("taken_at", "yyyy-MM-dd").alias("date"),
        F.date_format("arrived", "yyyy-MM-dd").alias("arrival_date"),
        "source",
        "verdict.reason",
        "verdict.detail",
        F.when(F.col("verdict").isNotNull(), _valid_text(F.col("raw_line"))).alias("raw_line"),
    )


def _parsed(raw_line: Column) -> Column:
    """``message`` typed, ``complete`` where the text ended with it, ``malformed`` where a value
    did not fit.

    from_json reads the first value of a text and ignores what follows. Inside an envelope,
    anything that follows the message breaks the envelope instead.
    """
    message = [
        *(f"{name}: string" for name in TEXTS),
        *(f"{name}: {INTEGERS.get(name, 'double')}" for name in NUMBERS),
    ]
    return F.from_json(
        F.concat(F.lit('{"message":'), raw_line, F.lit(',"complete":true}')),
        f"message struct<{', '.join(message)}>, complete boolean, malformed string",
        {
            "mode": "PERMISSIVE",
            "columnNameOfCorruptRecord": "malformed",
            "allowNonNumericNumbers": "false",  # "NaN" is text
        },
    )


def _values_as_text() -> Column:
    """All fields of the message as text, where that is needed: it is a second parse."""
    keys = F.json_object_keys("raw_line")
    present = [F.col(f"parsed.message.{name}").isNotNull().cast("int") for name in KNOWN_FIELDS]
    # As many keys as known fields with a value: there can be no other. Counting is cheap.
    may_have_unknown = F.size(keys) != reduce(add, present)
    known = F.array(*map(F.lit, KNOWN_FIELDS))
    has_unknown = may_have_unknown & (F.size(F.array_except(keys, known)) > 0)
    return F.when(
        F.col("is_object") & (F.col("has_wrong_type") | has_unknown),
        F.from_json("raw_line", "map<string, string>"),
    )


def _unknown_fields() -> Column:
    known = F.array(*map(F.lit, KNOWN_FIELDS))
    return F.when(
        F.col("values").isNotNull(),
        F.map_filter("values", lambda name, _: ~F.array_contains(known, name)),
    ).otherwise(F.create_map().cast("map<string,string>"))


def _time(text: Column) -> Column:
    return F.when(text.rlike(RFC_3339), F.try_to_timestamp(text))


def _received_at() -> Column:
    """The rule's stamp; the hour of arrival for a message that did not pass the rule."""
    return F.when(
        F.col("published_by").isNull() & F.col("received_at").isNotNull(),
        F.timestamp_millis("received_at"),
    ).otherwise(F.col("arrived"))


def _pollutant(name: str) -> Column:
    spellings = [old for old, new in LEGACY_FIELD_NAMES.items() if new == name]
    return F.coalesce(name, *spellings).alias(name)


def _verdict() -> Column:
    """Reason and detail of the first thing that is wrong, or null."""
    column = F.col
    is_legacy = column("schema_version").isNull() & column("boot_id").isNull()
    is_legacy = is_legacy & column("sequence").isNull()
    device, thing = column("device_id"), F.coalesce("thing_name", F.lit(""))
    faults = [
        ("not_json", ~column("is_object"), F.lit("expected one JSON object")),
        (
            "wrong_type",
            column("has_wrong_type"),
            F.concat(F.lit("expected numbers; got "), _wrong_types()),
        ),
        ("missing_thing_name", thing == "", F.lit("expected thing_name, which the rule adds")),
        (
            "unknown_version",
            column("schema_version") != SCHEMA_VERSION,
            F.format_string(f"expected {SCHEMA_VERSION}; got %d", "schema_version"),
        ),
        (
            "foreign_device",
            device.isNotNull() & (device != thing),
            F.format_string("device_id is %s, published by %s", device, thing),
        ),
        (
            "missing_identity",
            ~is_legacy
            & (device.isNull() | column("boot_id").isNull() | column("sequence").isNull()),
            F.lit("expected device_id, boot_id and sequence"),
        ),
        ("missing_time", column("timestamp").isNull(), F.lit("expected timestamp")),
        (
            "bad_time",
            column("taken_at").isNull(),
            F.format_string("expected RFC 3339; got %s", "timestamp"),
        ),
        ("out_of_range", _is_out_of_range(), _out_of_range()),
    ]
    verdict: Column | None = None
    for reason, condition, detail in faults:
        fault = F.struct(F.lit(reason).alias("reason"), _valid_text(detail).alias("detail"))
        verdict = F.when(condition, fault) if verdict is None else verdict.when(condition, fault)
    if verdict is None:
        raise AssertionError("there is at least one fault")
    return verdict


def _wrong_types() -> Column:
    return F.concat_ws(
        ", ",
        *(
            F.when(
                F.col(name).isNull() & F.col("values")[name].isNotNull(),
                F.concat(F.lit(f"{name}: "), F.col("values")[name]),
            )
            for name in NUMBERS
        ),
    )


def _limits() -> dict[str, Column]:
    """What must hold of each value that is there."""
    time, infinity = F.col("taken_at"), F.lit(float("inf"))
    latest = F.col("received") + F.expr(CLOCK_TOLERANCE)
    return {
        "sequence": F.col("sequence") >= 0,
        "longitude": F.col("longitude").between(-180, 180),
        "latitude": F.col("latitude").between(-90, 90),
        "timestamp": (time >= F.lit(EARLIEST).cast("timestamp")) & (time <= latest),
        **{name: F.abs(name) < infinity for name in CONCENTRATIONS},
    }


def _is_out_of_range() -> Column:
    return reduce(or_, (F.coalesce(~holds, F.lit(False)) for holds in _limits().values()))


def _out_of_range() -> Column:
    return F.concat_ws(
        ", ",
        *(
            F.when(~holds, F.concat(F.lit(f"{name}: "), F.col(name).cast("string")))
            for name, holds in _limits().items()
        ),
    )


def _valid_text(text: Column) -> Column:
    """Text in which what is not UTF-8 is replaced, so that every Parquet reader accepts it."""
    return F.decode(F.encode(text, "UTF-8"), "UTF-8")
