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


def crawler(name: str) -> Record:
    """Returns a stored crawler; changes to the returned object are kept. Raises as `job` does."""
    return _found(glue._crawlers.get(name), f"Crawler with name {name} does not exist")


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
