"""Ministack's Glue, as its own code keeps it: what the operations here build on.

Ministack is pinned to one version, so its records may be reached into; this is the only module that
does.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import glue

from localcloud.cloud.aws_api import AwsError

Record = dict[str, Any]


def call(operation: str, request: Record) -> Record:
    """Have ministack serve an operation; its refusals are raised."""
    status, _, body = glue._handle_request_sync(
        "POST", "/", {"x-amz-target": f"AWSGlue.{operation}"}, json.dumps(request).encode(), {}
    )
    answer: Record = json.loads(body or b"{}")
    if status >= 400:
        code = str(answer.get("__type", "InternalServiceException")).rpartition("#")[2]
        raise AwsError(code, answer.get("message") or answer.get("Message") or "", status)
    return answer


def job(name: str) -> Record:
    """Definition of a job; changes to it are kept.

    Raises
    ------
    AwsError
        ``EntityNotFoundException``.
    """
    return _found(glue._jobs.get(name), f"Job {name} not found.")


def put_job(name: str, definition: Record) -> None:
    """Keep a job's definition in place of the one that was there."""
    glue._jobs[name] = definition


def crawler(name: str) -> Record:
    """A crawler; changes to it are kept. Raises as `job` does."""
    return _found(glue._crawlers.get(name), f"Crawler with name {name} does not exist")


def all_crawlers() -> list[Record]:
    """Crawlers of the account and region of the request."""
    return list(glue._crawlers.values())


def tag(kind: str, name: str, tags: dict[str, str]) -> None:
    """Give a resource its tags."""
    if tags:
        glue._tags[glue._arn(kind, name)] = dict(tags)


def untag(kind: str, name: str) -> None:
    """Forget a resource's tags."""
    glue._tags.pop(glue._arn(kind, name), None)


def _found(record: Record | None, message: str) -> Record:
    if record is None:
        raise AwsError("EntityNotFoundException", message)
    return record
