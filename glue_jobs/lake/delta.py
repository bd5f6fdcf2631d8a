"""Atomic commits to Delta tables: readers see all of a run's changes or none.

A write puts Parquet files into a separate folder below the table, which no reader opens yet. One
new log entry then adds them to the table and removes the files that they replace. Two runs cannot
write the same entry: the second gets a `CommitConflictError` and reads the new version before it
retries. No entry names the files of a killed run.

The log is Delta Lake's (https://github.com/delta-io/delta/blob/master/PROTOCOL.md), read and
written by delta-rs, which needs no JAR. All tables are partitioned by ``date``, a UTC day.
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from glue_jobs.errors import JobError
from glue_jobs.lake.folders import delete_folder, files_below, rows_in

DATE = T.StructField("date", T.StringType())
NO_VERSION = -1  # version of a table without a log
ATTEMPTS = 20  # one run succeeds in each round, so twenty parallel runs all succeed
LONGEST_PAUSE = 1.0  # seconds
FOOTERS_AT_ONCE = 16
NO_SUCCESS_FILE = {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}


class CommitConflictError(Exception):
    """Another run has committed since the snapshot of this commit."""


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of a table.

    Parameters
    ----------
    path
        Path relative to the table's URI.
    size
        Size in bytes.
    added
        Time of the commit, in milliseconds of Unix time; 0 before the commit.
    """

    path: str
    date: str
    rows: int
    size: int
    added: int = field(default=0, compare=False)

    @property
    def folder(self) -> str:
        """Return the folder at the start of the path, which belongs to one write."""
        return self.path.partition("/")[0]

    @property
    def name(self) -> str:
        """Return ``date=…/….parquet``, which is unique in a table."""
        return "/".join(self.path.rsplit("/", 2)[-2:])


@dataclass(frozen=True)
class Snapshot:
    """One version of a table.

    Parameters
    ----------
    uri
        URI of the table, ending in a slash; ``s3://`` or ``file://``.
    version
        Version in the log; `NO_VERSION` if there is no table yet.
    files
        All files of this version, in the order of their paths.
    id
        Id of the table, which changes if it is recreated in the same place; empty without a table.
    """

    uri: str
    version: int
    files: tuple[DataFile, ...]
    id: str
    _table: DeltaTable | None = field(repr=False, compare=False)

    @property
    def dates(self) -> set[str]:
        return {file.date for file in self.files}

    def files_of(self, dates: Collection[str]) -> list[DataFile]:
        """Return the files of some days."""
        return [file for file in self.files if file.date in dates]

    def progress(self, of: str) -> int | None:
        """Return the newest committed progress of a name, see `commit`."""
        table = _reopened(self)  # reads the log
        return None if table is None else table.transaction_version(of)


@dataclass(frozen=True)
class Change:
    """Files to add to a table, and files to remove from it."""

    adds: tuple[DataFile, ...] = ()
    removes: tuple[DataFile, ...] = ()

    @property
    def rows(self) -> int:
        """Return the number of rows by which the table grows."""
        return sum(file.rows for file in self.adds) - sum(file.rows for file in self.removes)


def snapshot(uri: str) -> Snapshot:
    """Return the current version of a table, or a snapshot without files if there is no table."""
    if not DeltaTable.is_deltatable(uri, storage_options=storage_options(uri)):
        return Snapshot(uri, NO_VERSION, (), "", None)
    table = DeltaTable(uri, storage_options=storage_options(uri))
    return Snapshot(uri, table.version(), _files(table), str(table.metadata().id), table)


def update(
    uri: str,
    schema: T.StructType,
    work_out: Callable[[Snapshot], Change],
    run: str,
    *,
    same_rows: bool = False,
) -> Change:
    """Compute a change for the current version and commit it; repeat both after a conflict.

    Parameters
    ----------
    work_out
        Function that computes the change for a snapshot; an empty change is not committed.
    same_rows
        See `commit`.

    Raises
    ------
    JobError
        Other runs committed first in each of `ATTEMPTS` attempts.
    """
    for _ in range(ATTEMPTS):
        base = snapshot(uri)
        change = work_out(base)
        if change == Change():
            return change
        try:
            commit(base, schema, change.adds, change.removes, run=run, same_rows=same_rows)
        except CommitConflictError:
            time.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311 - spreads the retries
        else:
            return change
    raise JobError(
        f"other runs committed to {uri} during each of {ATTEMPTS} attempts; nothing was "
        "committed: start the job again when fewer runs are active"
    )


def read(
    spark: SparkSession,
    uri: str,
    files: Iterable[DataFile],
    schema: T.StructType,
    *,
    with_name: bool = False,
) -> DataFrame:
    """Read rows of files, with the column ``date`` and optionally ``name`` of the `DataFile`."""
    added = [DATE, T.StructField("name", T.StringType())] if with_name else [DATE]
    paths = [f"{uri}{file.path}" for file in files]
    if not paths:
        return spark.createDataFrame([], T.StructType([*schema.fields, *added]))
    path = F.col("_metadata.file_path")
    columns = {"date": _date_in(path)} | ({"name": _name_in(path)} if with_name else {})
    # The folders above date= differ between files, so Spark must not read them as columns.
    rows = spark.read.schema(schema).option("recursiveFileLookup", True).parquet(*paths)
    return rows.withColumns(columns)


def write(rows: DataFrame, uri: str, schema: T.StructType, run: str) -> list[DataFile]:
    """Write at least one row, with the column ``date``, to files that `commit` can add.

    Parameters
    ----------
    run
        Id of the run, for people who inspect the files; each call writes a separate folder.
    """
    folder = f"{run}-{secrets.token_hex(4)}/"
    columns = [field.name for field in schema.fields]
    writer = rows.select(*columns, "date").write.options(**NO_SUCCESS_FILE)
    writer.partitionBy("date").parquet(f"{uri}{folder}")
    return _written(rows.sparkSession, uri, folder)


def discard(spark: SparkSession, uri: str, files: Iterable[DataFile]) -> None:
    """Delete files that no version of the table names."""
    for file in files:
        delete_folder(spark, f"{uri}{file.path}")


def commit(
    base: Snapshot,
    schema: T.StructType,
    adds: Collection[DataFile],
    removes: Collection[DataFile] = (),
    *,
    run: str,
    progress: Mapping[str, int] | None = None,
    same_rows: bool = False,
    whole_table: bool = False,
) -> int:
    """Add files to a table and remove others in one commit, and return the new version.

    Parameters
    ----------
    base
        The snapshot for which the change was computed.
    progress
        Numbers to store with this commit by name, such as the processed version of another table.
    same_rows
        Whether the added files contain exactly the rows of the removed ones, so that followers of
        the table's changes see none.
    whole_table
        Whether to remove all files of ``base`` and replace the schema.

    Raises
    ------
    CommitConflictError
        The table has a newer version; nothing was changed.
    """
    table = _reopened(base)
    if table is None:
        table = DeltaTable.create(
            base.uri,
            _fields(schema),
            mode="ignore",
            partition_by=[DATE.name],
            storage_options=storage_options(base.uri),
        )
        if table.version() != 0:
            raise CommitConflictError(f"{base.uri} was created by another run")
    if not whole_table:
        _add_columns(table, schema)
    stamp, changes = int(time.time() * 1000), not same_rows
    added = [_add(file, stamp, changes) for file in adds]
    removed = [_remove(file, stamp, changes) for file in removes]
    try:
        table.create_write_transaction(
            [*added, *removed],
            mode="overwrite" if whole_table else "append",
            schema=_fields(schema) if whole_table else table.schema(),
            partition_by=[DATE.name],
            commit_properties=CommitProperties(
                max_commit_retries=0,
                custom_metadata={"run": run},
                app_transactions=[
                    Transaction(name, number) for name, number in (progress or {}).items()
                ],
            ),
        )
    except CommitFailedError as error:
        now = snapshot(base.uri)
        if adds and set(adds) <= set(
            now.files
        ):  # this commit was put, its response lost and the put repeated
            return now.version
        if now.version == table.version():
            raise
        raise CommitConflictError(
            f"expected {base.uri} at version {table.version()}; got {now.version}"
        ) from error
    return table.version() + 1


def _reopened(base: Snapshot) -> DeltaTable | None:
    """Return the table of a snapshot with the credentials of now; None if there is no table.

    delta-rs keeps those that it was opened with, and a role's may expire while a run computes.
    """
    options = storage_options(base.uri)
    if base._table is None or options is None:
        return base._table
    return DeltaTable(base.uri, version=base.version, storage_options=options)


def _fields(schema: T.StructType) -> Schema:
    return Schema.from_json(T.StructType([*schema.fields, DATE]).json())


def _files(table: DeltaTable) -> tuple[DataFile, ...]:
    actions = table.get_add_actions(flatten=True)
    columns = ("path", "partition.date", "num_records", "size_bytes", "modification_time")
    rows = zip(*(actions[name].to_pylist() for name in columns), strict=True)
    return tuple(sorted((DataFile(*row) for row in rows), key=lambda file: file.path))


def _written(spark: SparkSession, uri: str, folder: str) -> list[DataFile]:
    """Return the files of a write, with the number of rows from their footers."""

    def described(status: Any) -> DataFile:
        name = "/".join(status.getPath().toString().rsplit("/", 2)[-2:])
        date = name.partition("/")[0].removeprefix("date=")
        return DataFile(f"{folder}{name}", date, rows_in(spark, status), status.getLen())

    with ThreadPoolExecutor(FOOTERS_AT_ONCE) as threads:
        found = list(threads.map(described, files_below(spark, f"{uri}{folder}")))
    return sorted(found, key=lambda file: file.path)


def _add_columns(table: DeltaTable, schema: T.StructType) -> None:
    """Add columns that the table lacks; readers see null in them in older files.

    Raises
    ------
    CommitConflictError
        Another run has committed since the table was read.
    """
    known = {field.name for field in table.schema().fields}
    lacking = [field for field in _fields(schema).fields if field.name not in known]
    if not lacking:
        return
    base = table.version()
    table.alter.add_columns(lacking)
    if table.version() != base + 1:
        raise CommitConflictError(f"another run committed while columns were added to {base}")


def _name_in(path: Column) -> Column:
    return F.substring_index(path, "/", -2)


def _date_in(path: Column) -> Column:
    return F.substring(F.substring_index(path, "/date=", -1), 1, len("YYYY-MM-DD"))


def _add(file: DataFile, stamp: int, changes: bool) -> AddAction:
    stats = json.dumps({"numRecords": file.rows}, allow_nan=False)
    return AddAction(file.path, file.size, {DATE.name: file.date}, stamp, changes, stats)


def _remove(file: DataFile, stamp: int, changes: bool) -> RemoveAction:
    return RemoveAction(file.path, changes, stamp, file.size, {DATE.name: file.date})


def storage_options(uri: str) -> dict[str, str] | None:
    """Return delta-rs's options for S3, with boto3's credentials of now; None for a disk.

    They expire: take new options for each operation.
    """
    if urlsplit(uri).scheme != "s3":
        return None
    import boto3  # noqa: PLC0415 (not needed where a disk is written to)

    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None:
        raise ValueError(f"expected AWS credentials for {uri}; none were found")
    frozen = credentials.get_frozen_credentials()
    options = {
        "aws_access_key_id": frozen.access_key,
        "aws_secret_access_key": frozen.secret_key,
        "aws_session_token": frozen.token,
        "aws_region": session.region_name,
        # A log entry is put with If-None-Match: *, which S3 refuses if the object exists.
        "aws_conditional_put": "etag",
        "aws_allow_http": "true",  # used only if AWS_ENDPOINT_URL is http://
    }
    return {name: value for name, value in options.items() if value}
