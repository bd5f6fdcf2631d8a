"""Athena's Delta Lake tables, unknown to ministack's: it would read every file that there is.

A table that is declared as one (``table_type`` ``DELTA``) is read through its log, as on AWS: only
the files that the newest version names.
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
    """Put this in the way of ministack's Athena."""
    athena._data_format = _as_parquet(athena._data_format)
    athena._materialize_table_files = _through_the_log(athena._materialize_table_files)


def is_delta(table: Table) -> bool:
    """Whether the catalogue declares a table as one of Delta Lake."""
    return str(table.get("Parameters", {}).get("table_type", "")).upper() == "DELTA"


def _as_parquet(data_format: Callable[[Table], str]) -> Callable[[Table], str]:
    return lambda table: "parquet" if is_delta(table) else data_format(table)


def _through_the_log(
    every_file: Callable[[str, list[str]], list[str]],
) -> Callable[[str, list[str]], list[str]]:
    """A table's files, as paths below a temporary folder that is appended to ``workdirs``."""

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
        raise FileNotFoundError(f"s3://{bucket}/{key}, which a Delta log names, does not exist")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
