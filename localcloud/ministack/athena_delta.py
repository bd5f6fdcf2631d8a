"""Adds Delta Lake tables to ministack's Athena, which would read all files of a table.

A table declared with ``table_type`` ``DELTA`` is read through its log, as on AWS: only the files of
the newest version.
https://docs.aws.amazon.com/athena/latest/ug/delta-lake-tables.html
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deltalake import DeltaTable
from ministack.services import athena, glue, s3

Table = dict[str, Any]
LOG = "_delta_log/"


def install() -> None:
    """Installs the support in ministack's Athena."""
    athena._data_format = _as_parquet(athena._data_format)
    athena._materialize_table_files = _through_the_log(athena._materialize_table_files)


def is_delta(table: Table) -> bool:
    """Whether the catalogue declares a table as a Delta Lake table."""
    return str(table.get("Parameters", {}).get("table_type", "")).upper() == "DELTA"


def _as_parquet(data_format: Callable[[Table], str]) -> Callable[[Table], str]:
    return lambda table: "parquet" if is_delta(table) else data_format(table)


def _through_the_log(
    every_file: Callable[[str, list[str]], list[str]],
) -> Callable[[str, list[str]], list[str]]:
    """Wraps a function to fetch a Delta table to a temporary folder, added to ``workdirs``."""

    def files(location: str, workdirs: list[str]) -> list[str]:
        declared = glue._tables.values()
        if not any(
            is_delta(t) and t["StorageDescriptor"]["Location"] == location for t in declared
        ):
            return every_file(location, workdirs)
        bucket, prefix = urlsplit(location).netloc, urlsplit(location).path.strip("/") + "/"
        root = Path(tempfile.mkdtemp(prefix="lakecast-athena-"))
        workdirs.append(str(root))
        log = [key for key in list(s3._buckets[bucket]["objects"]) if key.startswith(prefix + LOG)]
        for key in log:
            _fetch(bucket, key, root / key.removeprefix(prefix))
        if not log:
            return []
        paths = DeltaTable(root).get_add_actions()["path"].to_pylist()
        for path in paths:
            _fetch(bucket, prefix + path, root / path)
        return [str(root / path) for path in paths]

    return files


def _fetch(bucket: str, key: str, target: Path) -> None:
    content = s3._get_object_data(bucket, key)
    if content is None:
        raise FileNotFoundError(f"s3://{bucket}/{key}, listed in a Delta log, does not exist")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
