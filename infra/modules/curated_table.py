"""Declared tables over the curated lake, partitioned by day without a crawler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdktf_cdktf_provider_aws.glue_catalog_table import (
    GlueCatalogTable,
    GlueCatalogTablePartitionKeys,
    GlueCatalogTableStorageDescriptor,
    GlueCatalogTableStorageDescriptorColumns,
    GlueCatalogTableStorageDescriptorSerDeInfo,
)
from constructs import Construct

from infra.literal import literal

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


@dataclass(frozen=True)
class Column:
    """A column: Hive's type, and what it holds."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class CuratedTableInputs:
    """A table of Parquet files.

    Parameters
    ----------
    location
        S3 URI of its folder, ending in a slash; below it lies ``date=YYYY-MM-DD/``.
    """

    name: str
    database: str
    location: str
    description: str
    columns: Sequence[Column]


class CuratedTable(Construct):
    """An external table whose partitions Athena works out by itself (partition projection)."""

    def __init__(self, scope: Construct, id_: str, inputs: CuratedTableInputs) -> None:
        super().__init__(scope, id_)
        columns = [
            GlueCatalogTableStorageDescriptorColumns(
                name=column.name, type=column.type, comment=column.comment
            )
            for column in inputs.columns
        ]
        GlueCatalogTable(
            self,
            "this",
            name=inputs.name,
            database_name=inputs.database,
            description=inputs.description,
            table_type="EXTERNAL_TABLE",
            parameters={
                "EXTERNAL": "TRUE",
                "classification": "parquet",
                "parquet.compression": "ZSTD",
                # https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
                "projection.enabled": "true",
                "projection.date.type": "date",
                "projection.date.format": "yyyy-MM-dd",
                "projection.date.range": "2010-01-01,NOW+1DAYS",
                "storage.location.template": literal(f"{inputs.location}date=${{date}}/"),
            },
            partition_keys=[
                GlueCatalogTablePartitionKeys(name="date", type="string", comment="UTC day")
            ],
            storage_descriptor=GlueCatalogTableStorageDescriptor(
                location=inputs.location,
                input_format=f"{_PARQUET}.MapredParquetInputFormat",
                output_format=f"{_PARQUET}.MapredParquetOutputFormat",
                ser_de_info=GlueCatalogTableStorageDescriptorSerDeInfo(
                    name="parquet",
                    serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe",
                    parameters={"serialization.format": "1"},
                ),
                columns=columns,
            ),
        )
