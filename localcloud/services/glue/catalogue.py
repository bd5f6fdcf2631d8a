"""Access to ministack's own Glue records.

This is the only Glue module that uses ministack's internals, which is safe because ministack is
pinned to one version.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import glue

from localcloud.cloud.aws_api import AwsError

Record = dict[str, Any]


def call(operation: str, request: Record) -> Record:
    """Calls an operation of ministack and raises its error, if any."""
    status, _, body = glue._handle_request_sync(
        "POST",
        "/",
        {"x-amz-target": f"AWSGlue.{operation}"},
        json.dumps(request, allow_nan=False).encode(),
        {},
    )
    answer: Record = json.loads(body or b"{}")
    if status >= 400:
        code = str(answer.get("__type", "InternalServiceException")).rpartition("#")[2]
        raise AwsError(code, answer.get("message") or answer.get("Message") or "", status)
    return answer


def job(name: str) -> Record:
    """Returns a job's stored definition; changes to the returned object are kept.

    Raises
    ------
    AwsError
        ``EntityNotFoundException`` if there is no such job.
    """
    return _found(glue._jobs.get(name), f"Job {name} not found.")


def put_job(name: str, definition: Record) -> None:
    """Stores a job's definition, replacing the previous one."""
    glue._jobs[name] = definition


def all_jobs() -> list[Record]:
    """Returns the jobs of the request's account and region, sorted by name."""
    return sorted(glue._jobs.values(), key=lambda one: str(one["Name"]))


def tags(kind: str, name: str) -> dict[str, str]:
    """Returns a resource's tags."""
    return dict(glue._tags.get(glue._arn(kind, name), {}))


def tables(database: str) -> list[Record]:
    """Returns a database's tables, sorted by name, without members that were never set.

    Raises
    ------
    AwsError
        ``EntityNotFoundException`` if there is no such database.
    """
    _found(glue._databases.get(database), f"Database {database} not found.")
    found = [one for one in glue._tables.values() if one["DatabaseName"] == database]
    return [
        {name: value for name, value in one.items() if value not in (None, "")}
        for one in sorted(found, key=lambda one: str(one["Name"]))
    ]


def table(database: str, name: str) -> Record:
    """Returns a stored table. Raises as `job` does."""
    return _found(glue._tables.get(f"{database}/{name}"), f"Table {name} not found in {database}.")


def partitions(database: str, table: str) -> list[Record]:
    """Returns a table's partitions; changes to the returned objects are kept."""
    return list(glue._partitions.get(f"{database}/{table}", []))


def crawler(name: str) -> Record:
    """Returns a stored crawler; changes to the returned object are kept. Raises as `job` does."""
    return _found(glue._crawlers.get(name), f"Crawler with name {name} does not exist")


def trigger(name: str) -> Record:
    """Returns a stored trigger. Raises as `job` does."""
    return _found(glue._triggers.get(name), f"Trigger {name} not found")


def all_crawlers() -> list[Record]:
    """Returns the crawlers of the request's account and region."""
    return list(glue._crawlers.values())


def tag(kind: str, name: str, tags: dict[str, str]) -> None:
    """Sets a resource's tags."""
    if tags:
        glue._tags[glue._arn(kind, name)] = dict(tags)


def untag(kind: str, name: str) -> None:
    """Removes a resource's tags."""
    glue._tags.pop(glue._arn(kind, name), None)


def _found(record: Record | None, message: str) -> Record:
    if record is None:
        raise AwsError("EntityNotFoundException", message)
    return record
