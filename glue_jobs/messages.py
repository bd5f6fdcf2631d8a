"""From objects in the raw bucket to messages: one row each, nothing judged yet.

Columns of a message: ``raw_line`` (its text), ``source`` (object key), ``arrived`` (timestamp, the
hour in the key) and ``published_by`` (the thing, where the topic tells; null where the message
itself carries ``thing_name``, stamped by the topic rule).
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

BETWEEN_OBJECTS = r"\}\s*,?\s*\{"
"""Where one object may end and the next begin on a line, or a string may look so."""

SPLIT_BETWEEN_OBJECTS = r"(?<=\})(?=\s*,?\s*\{)"
JSON_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
KEY_AFTER_PREFIX = r"(\d{4}/\d{2}/\d{2}/\d{2}/.*)$"
SEPARATORS = ", \t\r\n"

RULE_ERROR = "topic string, base64OriginalPayload string"
"""What we read of the document that AWS IoT hands to a rule's error action.
https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
"""


def read_messages(spark: SparkSession, folders: list[str], key_prefix: str) -> DataFrame:
    """Messages in the objects that Firehose delivered.

    Parameters
    ----------
    folders
        Folders of ``YYYY/MM/DD/HH/`` that exist.
    key_prefix
        What goes before ``YYYY/`` in an object's key, for ``source``.
    """
    lines = spark.read.option("recursiveFileLookup", True).text(folders)
    return messages_of_lines(_with_origin(lines, key_prefix)).withColumn(
        "published_by", F.lit(None).cast("string")
    )


def read_rule_errors(spark: SparkSession, folders: list[str], key_prefix: str) -> DataFrame:
    """Messages that the topic rule could not pass on, out of the error documents.

    Most are not JSON. One that is a sound message, because the action behind the rule failed,
    becomes a reading like any other: the topic tells which thing published it, and its hour
    of arrival stands for the stamp that it lacks.
    """
    documents = spark.read.option("recursiveFileLookup", True).text(folders, wholetext=True)
    error = F.from_json("value", RULE_ERROR)
    return (
        _with_origin(documents, key_prefix)
        .withColumn("error", error)
        .select(
            _trimmed(
                F.coalesce(
                    # decode replaces what is not UTF-8, so the lake holds valid text only
                    F.decode(F.unbase64("error.base64OriginalPayload"), "UTF-8"),
                    F.col("value"),
                )
            ).alias("raw_line"),
            "source",
            "arrived",
            F.coalesce(F.split_part("error.topic", F.lit("/"), F.lit(2)), F.lit("")).alias(
                "published_by"
            ),
        )
    )


def messages_of_lines(lines: DataFrame) -> DataFrame:
    """Split lines that hold several objects; drop blank ones.

    Firehose puts no delimiter between records unless told to, and ``spark.read.json`` takes the
    first object of a line and drops the others without a word.

    Parameters
    ----------
    lines
        ``value`` and any other columns, which are kept.
    """
    line = F.col("value")
    objects = F.when(line.rlike(BETWEEN_OBJECTS), _objects_on(line)).otherwise(F.array(line))
    others = [name for name in lines.columns if name != "value"]
    return (
        lines.select(F.explode(objects).alias("raw_line"), *others)
        .withColumn("raw_line", _trimmed(F.col("raw_line")))
        .where(F.length("raw_line") > 0)
    )


def _with_origin(lines: DataFrame, key_prefix: str) -> DataFrame:
    key = F.regexp_extract("_metadata.file_path", KEY_AFTER_PREFIX, 1)
    return lines.select(
        "value",
        F.concat(F.lit(key_prefix), key).alias("source"),
        F.to_timestamp(F.substring(key, 1, len("YYYY/MM/DD/HH")), "yyyy/MM/dd/HH").alias("arrived"),
    )


def _trimmed(text: Column) -> Column:
    needs_none = text.startswith("{") & text.endswith("}")  # trimming is slow, and seldom needed
    return F.when(needs_none, text).otherwise(F.btrim(text, F.lit(SEPARATORS)))


def _objects_on(line: Column) -> Column:
    """The whole JSON objects on a line, in order; braces inside strings do not count.

    The line is cut wherever an object might end, and pieces are joined again until braces and
    quotes are in balance. What never comes into balance stays one piece, to be judged later.
    """
    start = F.struct(
        F.array().cast("array<string>").alias("whole"),
        F.lit("").alias("open"),
        F.lit(0).alias("depth"),
        F.lit(False).alias("in_string"),
    )

    def join(state: Column, piece: Column) -> Column:
        text = F.concat(state["open"], piece)
        bare = F.regexp_replace(
            F.when(state["in_string"], F.concat(F.lit('"'), piece)).otherwise(piece),
            JSON_STRING,
            "",
        )
        in_string = bare.contains('"')
        outside = F.substring_index(bare, '"', 1)
        depth = state["depth"] + _count(outside, "{[") - _count(outside, "}]")
        ends_here = ~in_string & (depth <= 0)
        return F.struct(
            F.when(ends_here, F.concat(state["whole"], F.array(text)))
            .otherwise(state["whole"])
            .alias("whole"),
            F.when(ends_here, "").otherwise(text).alias("open"),
            F.when(ends_here, 0).otherwise(depth).alias("depth"),
            in_string.alias("in_string"),
        )

    def finish(state: Column) -> Column:
        return F.when(state["open"] == "", state["whole"]).otherwise(
            F.concat(state["whole"], F.array(state["open"]))
        )

    return F.aggregate(F.split(line, SPLIT_BETWEEN_OBJECTS), start, join, finish)


def _count(text: Column, characters: str) -> Column:
    return F.length(text) - F.length(F.translate(text, characters, ""))
