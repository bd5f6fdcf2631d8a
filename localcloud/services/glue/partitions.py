"""Serves the partitions of tables: pages, filters, updates.

ministack ignores filters and pages, and accepts partitions of tables that do not exist.
"""

from __future__ import annotations

import re
import time
from typing import Any

import duckdb

from localcloud.cloud.aws_api import AwsError
from localcloud.services.glue import catalogue
from localcloud.services.glue.pages import page

Request = dict[str, Any]

# https://docs.aws.amazon.com/glue/latest/webapi/API_GetPartitions.html
_KEY_TYPES = re.compile(
    r"string|varchar\(\d+\)|char\(\d+\)|date|timestamp|int|bigint|smallint|tinyint|long|"
    r"decimal(\(\d+,\d+\))?"
)
_SQL_TYPES = {"string": "VARCHAR", "long": "BIGINT"}


class Partitions:
    """Operations on partitions that differ from ministack's."""

    def create_partition(self, request: Request) -> Request:
        catalogue.table(request["DatabaseName"], request["TableName"])
        return catalogue.call("CreatePartition", request)

    def batch_create_partition(self, request: Request) -> Request:
        catalogue.table(request["DatabaseName"], request["TableName"])
        return catalogue.call("BatchCreatePartition", request)

    def delete_partition(self, request: Request) -> Request:
        self._partition(request, request["PartitionValues"])
        return catalogue.call("DeletePartition", request)

    def get_partitions(self, request: Request) -> Request:
        """Returns the partitions in the order of their values.

        AWS's order is not defined; a segment is a share of the partitions.
        """
        database, name = request["DatabaseName"], request["TableName"]
        table = catalogue.table(database, name)
        found = sorted(catalogue.partitions(database, name), key=lambda one: list(one["Values"]))
        if request.get("Expression", "").strip():
            found = filtered(found, table.get("PartitionKeys", []), request["Expression"])
        if "Segment" in request:
            segment = request["Segment"]
            if segment["SegmentNumber"] >= segment["TotalSegments"]:
                raise AwsError(
                    "InvalidInputException",
                    f"SegmentNumber must be less than TotalSegments; got {segment}",
                )
            found = found[segment["SegmentNumber"] :: segment["TotalSegments"]]
        if request.get("ExcludeColumnSchema"):
            found = [_without_columns(partition) for partition in found]
        return page("GetPartitions", "Partitions", found, request)

    def update_partition(self, request: Request) -> Request:
        """Replaces a partition; new values move it."""
        old, new = request["PartitionValueList"], request["PartitionInput"]
        partition = self._partition(request, old)
        if new.get("Values", old) != old:
            self._require_absent(request, new["Values"])
        replaced = {
            **{"Values": old},
            **new,
            **{
                name: partition[name]
                for name in ("DatabaseName", "TableName", "CatalogId", "CreationTime")
                if name in partition
            },
            "LastAccessTime": int(time.time()),
        }
        partition.clear()
        partition.update(replaced)
        return {}

    def batch_update_partition(self, request: Request) -> Request:
        """Replaces partitions; a partition that cannot be replaced is an error of its own."""
        catalogue.table(request["DatabaseName"], request["TableName"])
        names = {name: request[name] for name in ("DatabaseName", "TableName")}
        errors = []
        for entry in request["Entries"]:
            try:
                self.update_partition({**names, **entry})
            except AwsError as error:
                detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
                values = entry["PartitionValueList"]
                errors.append({"PartitionValueList": values, "ErrorDetail": detail})
        return {"Errors": errors}

    def _partition(self, request: Request, values: list[str]) -> Request:
        database, name = request["DatabaseName"], request["TableName"]
        catalogue.table(database, name)
        for partition in catalogue.partitions(database, name):
            if partition["Values"] == values:
                return partition
        raise AwsError("EntityNotFoundException", f"Cannot find partition {values} of {name}")

    def _require_absent(self, request: Request, values: list[str]) -> None:
        existing = catalogue.partitions(request["DatabaseName"], request["TableName"])
        if any(partition["Values"] == values for partition in existing):
            raise AwsError("AlreadyExistsException", f"Partition {values} exists already")


def filtered(partitions: list[Request], keys: list[Request], expression: str) -> list[Request]:
    """Returns the partitions for which an SQL expression over the partition keys is true.

    Raises
    ------
    AwsError
        If the expression cannot be evaluated, or a key has a type that Glue does not filter.
    """
    for key in keys:
        if not _KEY_TYPES.fullmatch(key.get("Type", "string")):
            raise AwsError(
                "InvalidInputException",
                f"partition key {key['Name']} has the type {key['Type']}, which cannot be filtered",
            )
    columns = [
        f"TRY_CAST(v[{number}] AS {_SQL_TYPES.get(type_, type_)}) AS {_quoted(key['Name'])}"
        for number, key in enumerate(keys, start=1)
        if (type_ := key.get("Type", "string"))
    ]
    rows = [[number, partition["Values"]] for number, partition in enumerate(partitions)]
    # Neither files nor the network can be read by an expression.
    with duckdb.connect(config={"enable_external_access": "false"}) as database:
        database.execute("CREATE TABLE given (n INTEGER, v VARCHAR[])")
        if rows:
            database.executemany("INSERT INTO given VALUES (?, ?)", rows)
        try:
            found = database.execute(
                f"SELECT n FROM (SELECT n, {', '.join(columns)} FROM given) "  # noqa: S608
                f"WHERE ({expression}\n) ORDER BY n"
            ).fetchall()
        except duckdb.Error as error:
            raise AwsError(
                "InvalidInputException", f"Unsupported expression {expression!r}: {error}"
            ) from None
    return [partitions[number] for (number,) in found]


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _without_columns(partition: Request) -> Request:
    storage = partition.get("StorageDescriptor", {})
    kept = {name: value for name, value in storage.items() if name != "Columns"}
    return {**partition, "StorageDescriptor": kept} if storage else partition
