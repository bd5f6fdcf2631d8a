"""Retention of log groups that AWS services create by themselves, which would never expire.

Terraform can't declare them: it refuses a group that exists, and several of these are shared by all
users of a service in the account, or named by AWS. They are looked up after each apply.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from contracts.names import Names, job_log_group
from infra.estate.place import Place

IOT = "AWSIotLogsV2"
"""https://docs.aws.amazon.com/iot/latest/developerguide/cloud-watch-logs.html"""

SHARED = (*(job_log_group(kind) for kind in ("Processing", "Training", "Transform")), IOT)
"""Groups of an account and region; they are created here if they do not exist yet."""

_GLUE = "/aws-glue/"


def keep(session: Any, place: Place) -> list[str]:
    """Sets the environment's retention on groups that have none, and returns their names.

    An existing retention is somebody's choice and stays. The shared groups are changed by the
    owner of the account's settings only.
    """
    logs = session.client("logs")
    expiring = []
    if place.settings.account.owner:
        for name in SHARED:
            _create(logs, name)
            expiring += [one for one in _without_retention(logs, name) if one == name]
    expiring += [one for one in _without_retention(logs, _GLUE) if _is_of(place.names, one)]
    for name in expiring:
        logs.put_retention_policy(
            logGroupName=name, retentionInDays=place.settings.retention.log_days
        )
    return expiring


def _is_of(names: Names, group: str) -> bool:
    """Returns whether a group is named after the environment's role, job or configuration."""
    return names.prefix in group


def _create(logs: Any, name: str) -> None:
    try:
        logs.create_log_group(logGroupName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise


def _without_retention(logs: Any, prefix: str) -> Iterable[str]:
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    return [
        group["logGroupName"]
        for page in pages
        for group in page["logGroups"]
        if "retentionInDays" not in group
    ]
