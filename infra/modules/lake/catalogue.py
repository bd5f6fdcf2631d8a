"""The Glue database and the curated tables in it."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.glue_catalog_database import GlueCatalogDatabase
from constructs import Construct

from contracts.lake import forecasts, runs
from contracts.lake.locations import (
    DELTA_TABLES,
    FORECASTS,
    QUARANTINE,
    RUNS,
    SERIES_HOURLY,
    TELEMETRY,
)
from contracts.messages.telemetry import POLLUTANTS
from contracts.names import Names
from infra.modules.lake.curated_table import Column, CuratedTable, CuratedTableInputs

_TELEMETRY_COLUMNS = (
    Column("device_id", "string", "device, as its messages say"),
    Column("boot_id", "string", "start of the device; null before version 1"),
    Column("sequence", "bigint", "number within the start; null before version 1"),
    Column("timestamp", "timestamp", "when it was measured, UTC"),
    *(Column(pollutant, "double", "µg/m³; null is not measured") for pollutant in POLLUTANTS),
    Column("longitude", "double", "degrees"),
    Column("latitude", "double", "degrees"),
    Column("schema_version", "int", "version of the message"),
    Column("thing_name", "string", "IoT thing that published it"),
    Column("received_at", "timestamp", "when the rule received it, UTC"),
    Column("extra", "map<string,string>", "fields that the contract does not know"),
)

_QUARANTINE_COLUMNS = (
    Column("raw_line", "string", "what could not be read, as it came"),
    Column("reason", "string", "kind of fault"),
    Column("detail", "string", "what was expected and what came"),
    Column("source", "string", "key of the object it lay in"),
)

_SERIES_COLUMNS = (
    Column("device_id", "string", "device"),
    Column("pollutant", "string", "one of the telemetry's pollutants"),
    Column("hour", "timestamp", "start of the hour, UTC"),
    Column("value", "double", "mean of the hour in µg/m³; null is a gap"),
)

_RUNS_COLUMNS = tuple(Column(name, *rest) for name, rest in runs.COLUMNS.items())
_FORECASTS_COLUMNS = tuple(Column(name, *rest) for name, rest in forecasts.COLUMNS.items())


@dataclass(frozen=True)
class CatalogueInputs:
    """Whose names the catalogue bears."""

    names: Names


class Catalogue(Construct):
    """The database and its tables."""

    def __init__(self, scope: Construct, id_: str, inputs: CatalogueInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        database = GlueCatalogDatabase(
            self,
            "this",
            name=names.database,
            description="Sensor readings and what is made of them",
        )
        for name, location, description, columns in (
            ("telemetry", TELEMETRY, "Readings, each once, by the day measured",
             _TELEMETRY_COLUMNS),
            ("quarantine", QUARANTINE, "What could not be read, by the day it came",
             _QUARANTINE_COLUMNS),
            ("series_hourly", SERIES_HOURLY, "Regular hourly series of devices and pollutants",
             _SERIES_COLUMNS),
            ("runs", RUNS, "What each run of a Glue job did, by the day it began", _RUNS_COLUMNS),
            (forecasts.TABLE, FORECASTS, "What was forecast each night, by the day of the origin",
             _FORECASTS_COLUMNS),
        ):  # fmt: skip
            CuratedTable(
                self,
                name,
                CuratedTableInputs(
                    name=name,
                    database=database.name,
                    location=location.uri(names),
                    description=description,
                    columns=columns,
                    delta=location in DELTA_TABLES,
                ),
            )
