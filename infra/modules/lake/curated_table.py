"""Catalogue tables of the curated lake, partitioned by day without a crawler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.glue_catalog_table import (
    GlueCatalogTable,
    GlueCatalogTablePartitionKeys,
    GlueCatalogTableStorageDescriptor,
    GlueCatalogTableStorageDescriptorColumns,
    GlueCatalogTableStorageDescriptorSerDeInfo,
)
from constructs import Construct

from contracts.lake.tables import DATE, Table
from infra.modules.core.literal import literal

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
_MAPRED, _HIVE = "org.apache.hadoop.mapred", "org.apache.hadoop.hive"


@dataclass(frozen=True)
class CuratedTableInputs:
    """A table of the lake and its location.

    Parameters
    ----------
    database
        Name of the Glue database.
    location
        S3 URI of the table's folder, with a trailing slash.
    """

    table: Table
    database: str
    location: str


class CuratedTable(Construct):
    """An external table whose files and days Athena finds without registered partitions."""

    def __init__(self, scope: Construct, id_: str, inputs: CuratedTableInputs) -> None:
        super().__init__(scope, id_)
        table = inputs.table
        columns = [
            GlueCatalogTableStorageDescriptorColumns(
                name=column.name, type=column.type.value, comment=column.description
            )
            for column in table.columns
        ]
        storage = _delta(inputs.location) if table.delta else _projected(inputs.location)
        GlueCatalogTable(
            self,
            "this",
            name=table.name,
            database_name=inputs.database,
            description=table.description,
            table_type="EXTERNAL_TABLE",
            parameters={"EXTERNAL": "TRUE", **storage.parameters},
            partition_keys=[
                GlueCatalogTablePartitionKeys(
                    name=DATE.name, type=DATE.type.value, comment=DATE.description
                )
            ],
            storage_descriptor=GlueCatalogTableStorageDescriptor(
                location=inputs.location,
                input_format=storage.input_format,
                output_format=storage.output_format,
                ser_de_info=storage.ser_de,
                columns=columns,
            ),
        )


@dataclass(frozen=True)
class _Storage:
    """Format and partitions of a table's files."""

    parameters: Mapping[str, str]
    input_format: str
    output_format: str
    ser_de: GlueCatalogTableStorageDescriptorSerDeInfo


def _projected(location: str) -> _Storage:
    """Returns a storage whose days Athena computes from the query (partition projection).

    https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
    """
    return _Storage(
        parameters={
            "classification": "parquet",
            "parquet.compression": "ZSTD",
            "projection.enabled": "true",
            "projection.date.type": "date",
            "projection.date.format": "yyyy-MM-dd",
            "projection.date.range": "2010-01-01,NOW+1DAYS",
            "storage.location.template": literal(f"{location}date=${{date}}/"),
        },
        input_format=f"{_PARQUET}.MapredParquetInputFormat",
        output_format=f"{_PARQUET}.MapredParquetOutputFormat",
        ser_de=GlueCatalogTableStorageDescriptorSerDeInfo(
            name="parquet",
            serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe",
            parameters={"serialization.format": "1"},
        ),
    )


def _delta(location: str) -> _Storage:
    """Returns a storage whose files and days are in the Delta log, so the catalogue never changes.

    The formats are those that AWS's crawler writes; Athena ignores them and reads the log and
    Parquet.
    https://docs.aws.amazon.com/athena/latest/ug/delta-lake-tables.html
    """
    return _Storage(
        parameters={
            "classification": "delta",
            "table_type": "DELTA",
            "spark.sql.sources.provider": "delta",
        },
        input_format=f"{_MAPRED}.SequenceFileInputFormat",
        output_format=f"{_HIVE}.ql.io.HiveSequenceFileOutputFormat",
        ser_de=GlueCatalogTableStorageDescriptorSerDeInfo(
            name="delta",
            serialization_library=f"{_HIVE}.serde2.lazy.LazySimpleSerDe",
            parameters={"serialization.format": "1", "path": location},
        ),
    )
