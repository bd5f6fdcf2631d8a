"""Reads objects of the raw bucket into validated messages, packed by `glue_jobs.telemetry.packing`.

Spark distributes the paths of the objects; Python reads them in pieces and parses many messages at
a time, in `glue_jobs.telemetry.parsing`.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from contracts.json_text import is_too_deep
from contracts.messages.telemetry import (
    MAX_READING_AGE,
    SMOKE_DEVICES,
    VERSIONS,
    field_types,
)
from glue_jobs.lake.listing import ListedObject, opened, shared_out
from glue_jobs.telemetry.nets import apart
from glue_jobs.telemetry.packing import COLUMNS, packed
from glue_jobs.telemetry.parsing import MESSAGES_AT_ONCE, MessageParser
from glue_jobs.telemetry.raw_objects import DamagedObjectError, LongLine, blocks_of_lines
from glue_jobs.telemetry.validation import validated
from glue_jobs.telemetry.withdrawals import Withdrawals

BYTES_PER_TASK = 128 * 1024 * 1024
"""Bytes of objects, mostly compressed, that one task reads."""

LARGEST_ERROR = 16 * 1024 * 1024
"""Bytes of a rule's error document that are read; a message has up to 128 KiB."""

_KEY = re.compile(r"(\d{4}/\d{2}/\d{2}/\d{2})/.*$", re.DOTALL)
Tables = Iterator[tuple[pa.Table, str | None]]
"""Messages, with the thing that published them if it is known."""
ObjectReader = Callable[[MessageParser, str, BinaryIO], Tables]
"""Reads the messages of an object from its path and its bytes."""


@dataclass(frozen=True)
class Packing:
    """Options for validating and packing messages.

    Parameters
    ----------
    key_prefix
        Prefix before ``YYYY/`` in an object's key, for ``source``.
    buckets
        Number of parts into which a day's devices are split.
    max_age
        Age at arrival above which a reading is quarantined.
    withdrawals
        Readings to quarantine, although they are sound.
    only_devices
        Prefix of the names of the devices to read; None reads all but those of smoke tests.
    """

    key_prefix: str
    buckets: int = 1
    max_age: timedelta = MAX_READING_AGE
    withdrawals: Withdrawals = ()
    only_devices: str | None = None

    def selected(self, messages: pa.Table, thing: str | None) -> pa.Table:
        """Return the messages of the devices to read; ordinary runs also read texts without one.

        Parameters
        ----------
        thing
            Device that published the messages; None means that they name it.
        """
        things = messages["thing_name"] if thing is None else pa.scalar(thing)
        if self.only_devices is not None:
            wanted = pc.starts_with(things, pattern=self.only_devices)
        else:
            wanted = pc.invert(pc.starts_with(things, pattern=SMOKE_DEVICES))
        if isinstance(wanted, pa.Scalar):
            return messages if wanted.as_py() else messages.slice(0, 0)
        if pc.all(wanted, skip_nulls=False).as_py():
            return messages
        return messages.filter(pc.fill_null(wanted, self.only_devices is None))


def read_messages(
    spark: SparkSession,
    objects: Sequence[ListedObject],
    how: Packing,
) -> DataFrame:
    """Read messages from Firehose's objects.

    The readable part of a truncated or damaged object is kept, and one more row, with the fault
    ``damaged_object``, represents the rest.

    Parameters
    ----------
    objects
        At least one object in folders of ``YYYY/MM/DD/HH/``.
    """
    return _read(spark, objects, how, _delivered)


def read_rule_errors(
    spark: SparkSession,
    objects: Sequence[ListedObject],
    how: Packing,
) -> DataFrame:
    """Read messages that the topic rule could not deliver, from its error documents.

    Most are not JSON. They are read as lines of Firehose's objects are. A valid message, whose rule
    action failed, becomes a reading: its thing is read from the topic, and its hour of arrival
    replaces the missing time stamp.
    """
    return _read(spark, objects, how, _failed)


def _delivered(parser: MessageParser, path: str, source: BinaryIO) -> Tables:
    try:
        for block in blocks_of_lines(source, path):
            if isinstance(block, LongLine):
                yield parser.long_line(block.start, block.length), None
            else:
                for table in parser.tables(block):
                    yield table, None
    except DamagedObjectError as damage:
        yield parser.damaged(str(damage)), None


def _failed(parser: MessageParser, path: str, source: BinaryIO) -> Tables:
    """Read a document that AWS IoT passes to a rule's error action.

    https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
    """
    content = source.read(LARGEST_ERROR)
    if more := source.read(1):
        yield parser.long_line(content + more, len(content) + 1), ""
        return
    document, thing = content, ""
    try:
        text = content.decode()
        if not is_too_deep(text):
            error = json.loads(text)
            document = base64.b64decode(error["base64OriginalPayload"], validate=True)
            thing = str(error["topic"]).rpartition("telemetry/")[2]
    except (ValueError, KeyError, TypeError, binascii.Error):
        pass  # a document of another kind is quarantined itself
    for table in parser.irregular([document]):
        yield table, thing


def _read(
    spark: SparkSession, objects: Sequence[ListedObject], how: Packing, read_object: ObjectReader
) -> DataFrame:
    types = field_types(VERSIONS)
    total = sum(one.size for one in objects)
    tasks = max(spark.sparkContext.defaultParallelism, math.ceil(total / BYTES_PER_TASK))
    shares = shared_out(objects, tasks)

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        parser = MessageParser(types)
        for batch in batches:
            for number in batch["id"].to_pylist():
                for uri in shares[number]:
                    with opened(uri) as source:
                        yield from rows_of_object(parser, how, read_object, uri, source)

    return spark.range(0, len(shares), 1, len(shares)).mapInArrow(read, COLUMNS)


def rows_of_object(
    parser: MessageParser, how: Packing, read_object: ObjectReader, path: str, source: BinaryIO
) -> Iterator[pa.RecordBatch]:
    """Yield the packed messages of an object.

    No content of an object raises an error here: a message on which this program fails is
    quarantined alone, and so is the rest of an object. An object without a message has one row. An
    error of the connection is raised.
    """
    key, arrived = _origin(path)
    is_empty = True

    def rows(messages: pa.Table, thing: str | None) -> Iterator[pa.RecordBatch]:
        source = how.key_prefix + key
        table = validated(
            messages,
            VERSIONS,
            source,
            arrived,
            thing,
            max_age=how.max_age,
            withdrawals=how.withdrawals,
        )
        yield from packed(table, how.buckets)

    def rows_of_failed(text: str, error: Exception) -> pa.RecordBatch:
        (row,) = rows(parser.failed(text, error), None)
        return row

    try:
        for found, thing in read_object(parser, path, source):
            is_empty = is_empty and not found.num_rows
            messages = how.selected(found, thing)
            for start in range(0, messages.num_rows, MESSAGES_AT_ONCE):
                yield from apart(
                    messages.slice(start, MESSAGES_AT_ONCE),
                    lambda part: rows(part, thing),  # noqa: B023 - used before the next one
                    lambda part, error: rows_of_failed(part["raw_line"][0].as_py(), error),
                )
        if is_empty:
            yield from rows(parser.empty(), None)
    except OSError:  # of the connection: Spark repeats the task
        raise
    except Exception as error:
        yield rows_of_failed("", error)


def arrived_at(uri: str) -> datetime | None:
    """Return the hour in an object's key; None if it lies in no folder of an hour."""
    key = _KEY.search(uri)
    try:
        return key and datetime.strptime(key[1], "%Y/%m/%d/%H").replace(tzinfo=UTC)
    except ValueError:  # for example month 13
        return None


def _origin(uri: str) -> tuple[str, datetime]:
    """Return the key below the prefix, and its hour of arrival."""
    key, arrived = _KEY.search(uri), arrived_at(uri)
    if key is None or arrived is None:
        raise ValueError(f"expected an object below YYYY/MM/DD/HH/; got {uri}")
    return key[0], arrived
