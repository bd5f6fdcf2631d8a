"""Tables whose files a Delta log names, so that a run's changes are seen whole or not at all.

Parquet files are written into a folder of their own below the table, where no reader looks for
them; one entry in the log, put where none was before, then makes them the table's, together with
whatever they replace. Two runs can't both write the same entry: the second is told so
(`CommitConflictError`) and looks at what has come in between before it tries again. What a killed
run leaves behind is in no entry.

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
NO_VERSION = -1  # of a table that has no log yet
ATTEMPTS = 20  # of each some run succeeds, so twenty at once all come through
LONGEST_PAUSE = 1.0  # seconds
FOOTERS_AT_ONCE = 16
NO_SUCCESS_FILE = {"mapreduce.fileoutputcommitter.marksuccessfuljobs": "false"}


class CommitConflictError(Exception):
    """Somebody else has committed since the snapshot that a commit was made for."""


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of a table.

    Parameters
    ----------
    path
        Relative to the table's URI.
    size
        In bytes.
    added
        When it became the table's, in milliseconds of Unix time; 0 before that.
    """

    path: str
    date: str
    rows: int
    size: int
    added: int = field(default=0, compare=False)

    @property
    def folder(self) -> str:
        """What the path begins with: one write's own."""
        return self.path.partition("/")[0]

    @property
    def name(self) -> str:
        """``date=…/….parquet``: no two files of a table have the same."""
        return "/".join(self.path.rsplit("/", 2)[-2:])


@dataclass(frozen=True)
class Snapshot:
    """A table as one version of its log has it.

    Parameters
    ----------
    uri
        Of the table, ending in a slash; ``s3://`` or ``file://``.
    version
        `NO_VERSION` where there is no table yet.
    files
        All files of this version, in the order of their paths.
    id
        Of the table; a table made anew in the same place has another. Empty where there is none.
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
        """Files of some days; a day without any gives none."""
        return [file for file in self.files if file.date in dates]

    def progress(self, of: str) -> int | None:
        """What the newest commit with progress of that name said, see `commit`."""
        return None if self._table is None else self._table.transaction_version(of)


@dataclass(frozen=True)
class Change:
    """Files that are to become a table's, and files that are to be so no longer."""

    adds: tuple[DataFile, ...] = ()
    removes: tuple[DataFile, ...] = ()

    @property
    def rows(self) -> int:
        """By how many rows the table grows."""
        return sum(file.rows for file in self.adds) - sum(file.rows for file in self.removes)


def snapshot(uri: str) -> Snapshot:
    """The table as it is now; one without files where there is none yet."""
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
    """Work out a change for the table as it is and commit it; again where another run was first.

    Parameters
    ----------
    work_out
        The change that a snapshot needs; nothing is committed where it is none.
    same_rows
        See `commit`.

    Raises
    ------
    JobError
        Where others were first `ATTEMPTS` times.
    """
    for _ in range(ATTEMPTS):
        base = snapshot(uri)
        change = work_out(base)
        if change == Change():
            return change
        try:
            commit(base, schema, change.adds, change.removes, run=run, same_rows=same_rows)
        except CommitConflictError:
            time.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311 - so that they part
        else:
            return change
    raise JobError(
        f"other runs have written to {uri} each of {ATTEMPTS} times that this one tried; "
        "nothing of it was committed: start it again when fewer run at once"
    )


def read(
    spark: SparkSession,
    uri: str,
    files: Iterable[DataFile],
    schema: T.StructType,
    *,
    with_name: bool = False,
) -> DataFrame:
    """Rows of files, with the column ``date``, and ``name`` of the `DataFile` where wanted."""
    added = [DATE, T.StructField("name", T.StringType())] if with_name else [DATE]
    paths = [f"{uri}{file.path}" for file in files]
    if not paths:
        return spark.createDataFrame([], T.StructType([*schema.fields, *added]))
    path = F.col("_metadata.file_path")
    columns = {"date": _date_in(path)} | ({"name": _name_in(path)} if with_name else {})
    # The folders above date= differ from file to file, so Spark must not make columns of them.
    rows = spark.read.schema(schema).option("recursiveFileLookup", True).parquet(*paths)
    return rows.withColumns(columns)


def write(rows: DataFrame, uri: str, schema: T.StructType, run: str) -> list[DataFile]:
    """Write rows, at least one and with ``date``, to files that `commit` can add to the table.

    Parameters
    ----------
    run
        Id of the run, for people who look at the files; each call has a folder of its own.
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
    """Make files the table's and others no longer so, all at once; the new version.

    Parameters
    ----------
    base
        The snapshot that the change was worked out for.
    progress
        Numbers to keep with this commit by a name, such as the version of another table that has
        been worked off.
    same_rows
        The files added hold the very rows of those removed, so that who follows the table's
        changes sees none.
    whole_table
        Remove all files of ``base`` and take on the schema.

    Raises
    ------
    CommitConflictError
        Where the table has another version by now; nothing has changed then.
    """
    options = storage_options(base.uri)
    table = base._table
    if table is None:
        table = DeltaTable.create(
            base.uri,
            _fields(schema),
            mode="ignore",
            partition_by=[DATE.name],
            storage_options=options,
        )
        if table.version() != 0:
            raise CommitConflictError(f"{base.uri} was created by another run")
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
        ):  # ours was put, its answer lost and the put repeated
            return now.version
        if now.version == table.version():
            raise
        raise CommitConflictError(
            f"{base.uri} is at version {now.version}, no longer at {table.version()}"
        ) from error
    return table.version() + 1


def _fields(schema: T.StructType) -> Schema:
    return Schema.from_json(T.StructType([*schema.fields, DATE]).json())


def _files(table: DeltaTable) -> tuple[DataFile, ...]:
    actions = table.get_add_actions(flatten=True)
    columns = ("path", "partition.date", "num_records", "size_bytes", "modification_time")
    rows = zip(*(actions[name].to_pylist() for name in columns), strict=True)
    return tuple(sorted((DataFile(*row) for row in rows), key=lambda file: file.path))


def _written(spark: SparkSession, uri: str, folder: str) -> list[DataFile]:
    """The files that a write has left, counted from their footers."""

    def described(status: Any) -> DataFile:
        name = "/".join(status.getPath().toString().rsplit("/", 2)[-2:])
        date = name.partition("/")[0].removeprefix("date=")
        return DataFile(f"{folder}{name}", date, rows_in(spark, status), status.getLen())

    with ThreadPoolExecutor(FOOTERS_AT_ONCE) as threads:
        found = list(threads.map(described, files_below(spark, f"{uri}{folder}")))
    return sorted(found, key=lambda file: file.path)


def _name_in(path: Column) -> Column:
    return F.substring_index(path, "/", -2)


def _date_in(path: Column) -> Column:
    return F.substring(F.substring_index(path, "/date=", -1), 1, len("YYYY-MM-DD"))


def _add(file: DataFile, stamp: int, changes: bool) -> AddAction:
    stats = json.dumps({"numRecords": file.rows})
    return AddAction(file.path, file.size, {DATE.name: file.date}, stamp, changes, stats)


def _remove(file: DataFile, stamp: int, changes: bool) -> RemoveAction:
    return RemoveAction(file.path, changes, stamp, file.size, {DATE.name: file.date})


def storage_options(uri: str) -> dict[str, str] | None:
    """What delta-rs needs to reach S3 as boto3 does, wherever that has its credentials from."""
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
        # A log entry is put with If-None-Match: *, which S3 refuses where there is one.
        "aws_conditional_put": "etag",
        "aws_allow_http": "true",  # delta-rs speaks it only where AWS_ENDPOINT_URL does
    }
    return {name: value for name, value in options.items() if value}
