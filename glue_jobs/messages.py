"""From objects in the raw bucket to messages: one row each, nothing judged yet but its syntax.

Columns of a message: ``raw_line`` (its text), ``source`` (object key), ``arrived`` (timestamp, the
hour in the key), ``published_by`` (the thing, where the topic tells; null where the message itself
carries ``thing_name``, stamped by the topic rule), and those of `glue_jobs.parsing.MessageParser`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from contracts.telemetry import VERSIONS, FieldType, Version, field_types
from glue_jobs.parsing import MessageParser, readings_of
from glue_jobs.raw_objects import DamagedObjectError, blocks_of_lines

OBJECTS_AT_ONCE = 8
"""Raw objects that Python is handed at a time; Firehose's have up to some 20 MB."""

_KEY = re.compile(r"(\d{4}/\d{2}/\d{2}/\d{2})/.*$", re.DOTALL)
_SQL_TYPES = {"text": "string", "integer": "bigint", "number": "double"}

Tables = Iterator[tuple[pa.Table, str | None]]
"""Messages, with the thing that published them where it is known."""
ObjectReader = Callable[[MessageParser, str, bytes], Tables]
"""Reads the messages in an object: its path and content."""


def read_messages(
    spark: SparkSession,
    folders: list[str],
    key_prefix: str,
    versions: Iterable[Version] = VERSIONS,
) -> DataFrame:
    """Messages in the objects that Firehose delivered.

    Of an object that is cut off or damaged, what can be read is kept, and one more row, whose fault
    is ``damaged_object``, stands for what cannot.

    Parameters
    ----------
    folders
        Folders of ``YYYY/MM/DD/HH/`` that exist.
    key_prefix
        What goes before ``YYYY/`` in an object's key, for ``source``.
    """
    return _read(spark, folders, key_prefix, versions, _delivered)


def read_rule_errors(
    spark: SparkSession,
    folders: list[str],
    key_prefix: str,
    versions: Iterable[Version] = VERSIONS,
) -> DataFrame:
    """Messages that the topic rule could not pass on, out of the error documents.

    Most are not JSON. One that is a sound message, because the action behind the rule failed,
    becomes a reading like any other: the topic tells which thing published it, and its hour
    of arrival stands for the stamp that it lacks.
    """
    return _read(spark, folders, key_prefix, versions, _failed)


def columns(types: Mapping[str, FieldType]) -> str:
    """Columns of messages with fields of given types, as Spark's DDL."""
    return ", ".join(
        [
            "raw_line string",
            *(f"{name} {_SQL_TYPES[type_]}" for name, type_ in types.items()),
            "taken_at timestamp, extra map<string, string>, fault string, fault_detail string",
            "source string, arrived timestamp, published_by string",
        ]
    )


def _delivered(parser: MessageParser, path: str, content: bytes) -> Tables:
    try:
        for block in blocks_of_lines(content, compressed=path.endswith(".gz")):
            yield parser.block(block), None
    except DamagedObjectError as damage:
        yield parser.damaged(str(damage)), None


def _failed(parser: MessageParser, path: str, content: bytes) -> Tables:
    """The document that AWS IoT hands to a rule's error action.

    https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
    """
    document, thing = content, ""
    try:
        error = json.loads(content)
        document = base64.b64decode(error["base64OriginalPayload"], validate=True)
        thing = str(error["topic"]).rpartition("telemetry/")[2]
    except (ValueError, KeyError, TypeError, binascii.Error):
        pass  # a document of another kind is itself what is quarantined
    if text := document.decode("utf-8", "replace").strip():
        yield parser.texts(readings_of(text)), thing


def _read(
    spark: SparkSession,
    folders: list[str],
    key_prefix: str,
    versions: Iterable[Version],
    read_object: ObjectReader,
) -> DataFrame:
    types = field_types(versions)

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        parser = MessageParser(types)
        for batch in batches:
            for path, content in zip(*(column.to_pylist() for column in batch), strict=True):
                for messages, thing in read_object(parser, path, content):
                    yield from _with_origin(messages, path, key_prefix, thing).to_batches()

    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", OBJECTS_AT_ONCE)
    return (
        spark.read.format("binaryFile")
        .option("recursiveFileLookup", True)
        .load(folders)
        .where("length > 0")
        .select("path", "content")
        .mapInArrow(read, columns(types))
    )


def _with_origin(
    messages: pa.Table, path: str, key_prefix: str, published_by: str | None
) -> pa.Table:
    key = _KEY.search(path)
    if key is None:
        raise ValueError(f"expected an object below YYYY/MM/DD/HH/; got {path}")
    arrived = datetime.strptime(key[1], "%Y/%m/%d/%H").replace(tzinfo=UTC)
    origin = {
        "source": pa.scalar(key_prefix + key[0], pa.string()),
        "arrived": pa.scalar(arrived, pa.timestamp("us", "UTC")),
        "published_by": pa.scalar(published_by, pa.string()),
    }
    for name, value in origin.items():
        messages = messages.append_column(name, pa.repeat(value, messages.num_rows))
    return messages.combine_chunks()
