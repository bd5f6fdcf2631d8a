"""Serves StartCrawler and StopCrawler: lists and reads S3 objects and creates tables.

One target becomes one table. Unlike AWS, this neither splits a target whose folders have different
schemas nor crawls on a schedule.
"""

from __future__ import annotations

import contextvars
import fnmatch
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloud.aws_api import AwsError
from localcloud.services.glue import catalogue
from localcloud.services.glue.account import Account
from localcloud.services.glue.crawlers.inference import Table, UnknownFormatError, identifier, infer
from localcloud.services.glue.staging import StagingError, split
from localcloud.services.iam.roles import RoleError

logger = logging.getLogger(__name__)

Request = dict[str, Any]

PARTITIONS_PER_CALL = 100
LOG_GROUP = "/aws-glue/crawlers"
CUT_OFF = "the local cloud was stopped while the crawler ran"
_FORMATS = {
    "json": {
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "Library": "org.openx.data.jsonserde.JsonSerDe",
    },
    "parquet": {
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "Library": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    },
}


class CrawlError(Exception):
    """A crawl failed; the message says why."""


class CrawlStoppedError(Exception):
    """A stop of the crawl was requested."""


class Crawlers:
    """Crawls of all crawlers.

    Parameters
    ----------
    account
        Clients and role credentials.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._crawls: dict[str, tuple[threading.Thread, threading.Event]] = {}

    def start(self) -> None:
        """Fails the crawls that were running when the cloud last stopped."""
        for crawler in catalogue.all_crawlers():
            if crawler["State"] != "READY":
                _finish(crawler, "FAILED", CUT_OFF, time.time())

    def close(self) -> None:
        """Stops all crawls."""
        for thread, stop in list(self._crawls.values()):
            stop.set()
            thread.join()

    def start_crawler(self, request: Request) -> Request:
        name = request["Name"]
        with self._lock:
            crawler = catalogue.crawler(name)
            if crawler["State"] != "READY":
                raise AwsError("CrawlerRunningException", f"Crawler with name {name} is running")
            crawler["State"] = "RUNNING"
            stop = threading.Event()
            context = contextvars.copy_context()  # holds the account for ministack
            thread = threading.Thread(
                target=context.run, args=(self._crawl, crawler, stop), name=f"crawler-{name}"
            )
            self._crawls[name] = thread, stop
        thread.start()
        return {}

    def stop_crawler(self, request: Request) -> Request:
        name = request["Name"]
        with self._lock:
            crawler = catalogue.crawler(name)
            if crawler["State"] != "RUNNING":
                raise AwsError(
                    "CrawlerNotRunningException", f"Crawler with name {name} is not running"
                )
            crawler["State"] = "STOPPING"
            self._crawls[name][1].set()
        return {}

    def _crawl(self, crawler: Request, stop: threading.Event) -> None:
        began = time.time()
        status, message = "SUCCEEDED", ""
        try:
            credentials = self._account.assume(crawler["Role"])
            s3 = self._account.client("s3", credentials)
            glue = self._account.client("glue", credentials)
            for target in _s3_targets(crawler):
                _crawl_target(s3, glue, crawler, target, stop)
        except CrawlStoppedError:
            status = "CANCELLED"
        except (CrawlError, UnknownFormatError, StagingError, RoleError) as error:
            status, message = "FAILED", str(error)
        except (ClientError, BotoCoreError) as error:
            status, message = "FAILED", f"as {crawler['Role']}: {error}"
        except Exception as error:  # a defect in this code must not leave the crawl unfinished
            logger.exception("crawler %s failed", crawler["Name"])
            status, message = "FAILED", f"internal error of the local cloud: {error}"
        with self._lock:
            _finish(crawler, status, message, began)
            self._crawls.pop(crawler["Name"], None)


def _finish(crawler: Request, status: str, message: str, began: float) -> None:
    last = {
        "Status": status,
        "LogGroup": LOG_GROUP,
        "LogStream": crawler["Name"],
        "MessagePrefix": str(uuid.uuid4()),
        "StartTime": began,
    }
    if message:
        last["ErrorMessage"] = message
    crawler.update(
        State="READY", LastCrawl=last, CrawlElapsedTime=int((time.time() - began) * 1000)
    )


def _s3_targets(crawler: Request) -> list[Request]:
    targets: list[Request] = crawler.get("Targets", {}).get("S3Targets", [])
    if not targets:
        raise CrawlError("the local cloud crawls S3 targets; the crawler has none")
    return targets


def _crawl_target(
    s3: Any, glue: Any, crawler: Request, target: Request, stop: threading.Event
) -> None:
    bucket, prefix = split(target["Path"])
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    sizes = dict(_objects(s3, bucket, prefix, target.get("Exclusions", []), stop))
    folder = (prefix or bucket).rstrip("/").rpartition("/")[2]
    name = crawler.get("TablePrefix", "") + identifier(folder)
    if crawler["RecrawlPolicy"]["RecrawlBehavior"] == "CRAWL_NEW_FOLDERS_ONLY":
        known = _known_folders(glue, crawler["DatabaseName"], name, f"s3://{bucket}/{prefix}")
        sizes = {key: size for key, size in sizes.items() if key.rpartition("/")[0] not in known}
    if not sizes:
        return  # AWS creates no table and reports success

    def body(key: str) -> bytes:
        if stop.is_set():
            raise CrawlStoppedError
        content: bytes = s3.get_object(Bucket=bucket, Key=f"{prefix}{key}")["Body"].read()
        return content

    table = infer(sorted(sizes), body)
    description = _table_input(name, f"s3://{bucket}/{prefix}", table, crawler, sizes)
    _put_table(glue, crawler, description)
    _put_partitions(glue, crawler["DatabaseName"], description, table)


def _known_folders(glue: Any, database: str, table: str, location: str) -> set[str]:
    """Returns the folders, relative to a target, that are partitions of its table already."""
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table)
    try:
        partitions = [one for page in pages for one in page["Partitions"]]
    except glue.exceptions.EntityNotFoundException:
        return set()  # the first crawl reads everything
    folders = (one["StorageDescriptor"]["Location"] for one in partitions)
    return {folder.removeprefix(location).rstrip("/") for folder in folders}


def _objects(
    s3: Any, bucket: str, prefix: str, exclusions: list[str], stop: threading.Event
) -> Iterator[tuple[str, int]]:
    """Yields keys below the prefix and their sizes, except hidden, excluded and empty objects."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        if stop.is_set():
            raise CrawlStoppedError
        for item in page.get("Contents", []):
            key = item["Key"].removeprefix(prefix)
            hidden = any(part.startswith(("_", ".")) for part in key.split("/"))
            excluded = any(fnmatch.fnmatchcase(key, pattern) for pattern in exclusions)
            if key and item["Size"] and not hidden and not excluded:
                yield key, item["Size"]


def _table_input(
    name: str, location: str, table: Table, crawler: Request, sizes: dict[str, int]
) -> Request:
    parameters = {
        "classification": table.classification,
        "compressionType": table.compression,
        "typeOfData": "file",
        "objectCount": str(len(sizes)),
        "sizeKey": str(sum(sizes.values())),
        "recordCount": str(table.records),
        "CrawlerSchemaSerializerVersion": "1.0",
        "CrawlerSchemaDeserializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": crawler["Name"],
    }
    format_ = _FORMATS[table.classification]
    serde_parameters = (
        {"paths": ",".join(name for name, _ in table.columns)}
        if table.classification == "json"
        else {"serialization.format": "1"}
    )
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": [{"Name": key, "Type": type_} for key, type_ in table.partition_keys],
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": type_} for column, type_ in table.columns],
            "Location": location,
            "InputFormat": format_["InputFormat"],
            "OutputFormat": format_["OutputFormat"],
            "Compressed": table.compression != "none",
            "NumberOfBuckets": -1,
            "SerdeInfo": {
                "SerializationLibrary": format_["Library"],
                "Parameters": serde_parameters,
            },
            "StoredAsSubDirectories": False,
            "Parameters": parameters,
        },
    }


def _put_table(glue: Any, crawler: Request, table: Request) -> None:
    database = crawler["DatabaseName"]
    try:
        glue.create_table(DatabaseName=database, TableInput=table)
    except glue.exceptions.AlreadyExistsException:
        update = crawler.get("SchemaChangePolicy", {}).get("UpdateBehavior")
        if update != "LOG":
            glue.update_table(DatabaseName=database, TableInput=table)


def _put_partitions(glue: Any, database: str, description: Request, table: Table) -> None:
    names = {"DatabaseName": database, "TableName": description["Name"]}
    pages = glue.get_paginator("get_partitions").paginate(**names)
    existing = {tuple(found["Values"]) for page in pages for found in page["Partitions"]}
    storage = description["StorageDescriptor"]
    new = [
        {
            "Values": list(values),
            "StorageDescriptor": {**storage, "Location": f"{storage['Location']}{folder}/"},
        }
        for values, folder in table.partitions.items()
        if values not in existing
    ]
    for first in range(0, len(new), PARTITIONS_PER_CALL):
        answer = glue.batch_create_partition(
            **names, PartitionInputList=new[first : first + PARTITIONS_PER_CALL]
        )
        for error in answer.get("Errors", []):
            raise CrawlError(
                f"partition {error['PartitionValues']}: {error['ErrorDetail']['ErrorMessage']}"
            )
