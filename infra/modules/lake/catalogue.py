"""The Glue database and the curated tables in it."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.glue_catalog_database import GlueCatalogDatabase
from constructs import Construct

from contracts.lake.tables import TABLES
from contracts.names import Names
from infra.modules.lake.curated_table import CuratedTable, CuratedTableInputs


@dataclass(frozen=True)
class CatalogueInputs:
    """Names of the environment."""

    names: Names


class Catalogue(Construct):
    """The database and its tables."""

    def __init__(self, scope: Construct, id_: str, inputs: CatalogueInputs) -> None:
        super().__init__(scope, id_)
        database = GlueCatalogDatabase(
            self,
            "this",
            name=inputs.names.database,
            description="Sensor readings, series and forecasts",
        )
        for table in TABLES:
            location = table.location.uri(inputs.names)
            CuratedTable(self, table.name, CuratedTableInputs(table, database.name, location))
