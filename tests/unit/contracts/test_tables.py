"""The lake's tables: declared once, in Hive's, Arrow's and Spark's types."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql.pandas.types import to_arrow_type

from contracts.lake.arrow_schemas import arrow_schema
from contracts.lake.documentation import tables_page
from contracts.lake.tables import TABLES, Column, Table, Type
from glue_jobs.lake.tables import spark_schema

TYPES = {
    Type.TEXT: ("string", "string"),
    Type.TIME: ("timestamp", "timestamp[us, tz=UTC]"),
    Type.NUMBER: ("double", "double"),
    Type.INT32: ("int", "int32"),
    Type.INT64: ("bigint", "int64"),
    Type.TEXTS: ("map<string,string>", "map<string, string>"),
    Type.COUNTS: ("map<string,bigint>", "map<string, int64>"),
}
"""Names of each type in Spark and Arrow."""


def test_every_type_is_known_to_spark_and_to_arrow():
    names = [type_.name for type_ in Type]
    table = Table("all", TABLES[0].location, "", tuple(Column(t.name, t, "") for t in Type))
    spark, arrow = spark_schema(table), arrow_schema(table)

    assert spark.names == arrow.names == names
    found = {
        t: (spark[t.name].dataType.simpleString(), str(arrow.field(t.name).type)) for t in Type
    }
    assert found == TYPES
    assert all(type_.value == hive for type_, (hive, _) in found.items()), "Spark's are Hive's"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_arrows_schema_is_the_one_that_spark_would_write(table):
    written = pa.schema(
        [(one.name, to_arrow_type(one.dataType)) for one in spark_schema(table).fields]
    )
    assert arrow_schema(table).equals(written)


def test_no_two_columns_or_tables_have_one_name():
    for names in ([t.name for t in TABLES], *([c.name for c in t.columns] for t in TABLES)):
        assert len(set(names)) == len(names)


def test_the_page_of_the_tables_is_up_to_date():
    page = Path(__file__).parents[3] / "docs/reference/tables.md"
    assert page.read_text(encoding="utf-8") == tables_page(), (
        "run `python -m contracts.lake.documentation > docs/reference/tables.md`"
    )
