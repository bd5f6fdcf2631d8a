"""Tables whose files a Delta log names, so that a run's changes are seen whole or not at all.

Spark writes Parquet files into a folder of their own below the table, where no reader looks for
them; one entry in the log, put where none was before, then makes them the table's, together with
whatever they replace. Two runs can't both write the same entry: the second is told so
(`CommitConflictError`) and looks at what has come in between before it tries again. What a killed
run leaves behind is in no entry.

The log is Delta Lake's (https://github.com/delta-io/delta/blob/master/PROTOCOL.md), read and
written by delta-rs, which needs no JAR. All tables are partitioned by ``date``, a UTC day.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

DATE = T.StructField("date", T.StringType())
NO_VERSION = -1  # of a table that has no log yet


class CommitConflictError(Exception):
    """Somebody else has committed since the snapshot that a commit was made for."""


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of a table; ``path`` is relative to the table's URI, ``size`` in bytes."""

    path: str
    date: str
    rows: int
    size: int


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
    """

    uri: str
    version: int
    files: tuple[DataFile, ...]
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


def snapshot(uri: str) -> Snapshot:
    """The table as it is now; one without files where there is none yet."""
    if not DeltaTable.is_deltatable(uri, storage_options=storage_options(uri)):
        return Snapshot(uri, NO_VERSION, (), None)
    table = DeltaTable(uri, storage_options=storage_options(uri))
    return Snapshot(uri, table.version(), _files(table), table)


def read(
    spark: SparkSession, uri: str, files: Iterable[DataFile], schema: T.StructType
) -> DataFrame:
    """Rows of files, with the column ``date``."""
    paths = [f"{uri}{file.path}" for file in files]
    if not paths:
        return spark.createDataFrame([], T.StructType([*schema.fields, DATE]))
    # The folders above date= differ from file to file, so Spark must not make columns of them.
    rows = spark.read.schema(schema).option("recursiveFileLookup", True).parquet(*paths)
    return rows.withColumn("date", _date_in(F.col("_metadata.file_path")))


def write(rows: DataFrame, uri: str, schema: T.StructType, run: str) -> list[DataFile]:
    """Write rows, with ``date``, to files of the table that `commit` can add.

    Parameters
    ----------
    run
        Id of the run, for people who look at the files; each call has a folder of its own.
    """
    folder = f"{run}-{secrets.token_hex(4)}/"
    columns = [field.name for field in schema.fields]
    rows.select(*columns, "date").write.partitionBy("date").parquet(f"{uri}{folder}")
    return _written(rows.sparkSession, uri, folder, schema)


def commit(
    base: Snapshot,
    schema: T.StructType,
    adds: Collection[DataFile],
    removes: Collection[DataFile] = (),
    *,
    run: str,
    progress: Mapping[str, int] | None = None,
) -> int:
    """Make files the table's and others no longer so, all at once; the new version.

    Parameters
    ----------
    base
        The snapshot that the change was worked out for.
    progress
        Numbers to keep with this commit by a name, such as the version of another table that has
        been worked off.

    Raises
    ------
    CommitConflictError
        Where the table has another version by now; nothing has changed then.
    """
    options = storage_options(base.uri)
    table = base._table
    if table is None:
        fields = T.StructType([*schema.fields, DATE])
        table = DeltaTable.create(
            base.uri,
            Schema.from_json(fields.json()),
            mode="ignore",
            partition_by=[DATE.name],
            storage_options=options,
        )
        if table.version() != 0:
            raise CommitConflictError(f"{base.uri} was created by another run")
    stamp = int(time.time() * 1000)
    try:
        table.create_write_transaction(
            [*(_add(file, stamp) for file in adds), *(_remove(file, stamp) for file in removes)],
            mode="append",
            schema=table.schema(),
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


def changed_dates(now: Snapshot, since: int | None) -> set[str]:
    """Days whose files differ between an earlier version and a snapshot.

    All days where there is no earlier version, or the log no longer reaches back to it.
    """
    if since is None or NO_VERSION in (since, now.version):
        return now.dates
    try:
        then = DeltaTable(now.uri, version=since, storage_options=storage_options(now.uri))
    except DeltaError:
        return now.dates
    return {file.date for file in set(_files(then)) ^ set(now.files)}


def _files(table: DeltaTable) -> tuple[DataFile, ...]:
    actions = table.get_add_actions(flatten=True)
    columns = ("path", "partition.date", "num_records", "size_bytes")
    rows = zip(*(actions[name].to_pylist() for name in columns), strict=True)
    return tuple(sorted((DataFile(*row) for row in rows), key=lambda file: file.path))


def _written(spark: SparkSession, uri: str, folder: str, schema: T.StructType) -> list[DataFile]:
    """The files that a write has left, counted from their footers."""
    path, size = F.col("_metadata.file_path"), F.col("_metadata.file_size")
    found = (
        spark.read.schema(schema)
        .option("recursiveFileLookup", True)
        .parquet(f"{uri}{folder}")
        .groupBy(
            F.concat(F.lit(folder), F.substring_index(path, f"/{folder}", -1)).alias("path"),
            _date_in(path).alias("date"),
            size.alias("size"),
        )
        .agg(F.count("*").alias("rows"))
        .collect()
    )
    return sorted((DataFile(**row.asDict()) for row in found), key=lambda file: file.path)


def _date_in(path: Column) -> Column:
    return F.substring(F.substring_index(path, "/date=", -1), 1, len("YYYY-MM-DD"))


def _add(file: DataFile, stamp: int) -> AddAction:
    stats = json.dumps({"numRecords": file.rows})
    return AddAction(file.path, file.size, {DATE.name: file.date}, stamp, True, stats)


def _remove(file: DataFile, stamp: int) -> RemoveAction:
    return RemoveAction(file.path, True, stamp, file.size, {DATE.name: file.date})


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
