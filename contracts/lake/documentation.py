"""Writes docs/reference/tables.md: ``python -m contracts.lake.documentation > docs/…``."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.lake.tables import DATE, TABLES, Table

_INTRODUCTION = """# Tables of the lake

Each table is declared once, in `contracts/lake/tables.py`; the Glue catalogue, Arrow's and Spark's
schemas and this page are made of the declaration. After a change, run
`python -m contracts.lake.documentation > docs/reference/tables.md`.
"""


def tables_page(tables: Iterable[Table] = TABLES) -> str:
    """Returns the page in Markdown."""
    return "\n".join([_INTRODUCTION, *map(_section, tables)])


def _section(table: Table) -> str:
    place = f"{table.location.purpose}/{table.location.prefix}"
    kind = "a Delta table" if table.delta else "Parquet files"
    rows = (
        f"| `{column.name}` | `{column.type.value}` | {column.description} |"
        for column in (*table.columns, DATE)
    )
    return "\n".join(
        [
            f"## {table.name}",
            f"{table.description}: {kind} in `{place}`.\n",
            "| column | type | content |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    print(tables_page(), end="")
