"""Clients and role credentials that Glue's jobs and crawlers use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from contracts.names import arn
from localcloud.cloud.context import CloudContext
from localcloud.services.iam import roles

_PRINCIPAL = "glue.amazonaws.com"
_CONFIG = Config(max_pool_connections=16, retries={"max_attempts": 3, "mode": "standard"})


class Account:
    """Clients and role credentials for all jobs and crawlers.

    Parameters
    ----------
    context
        Local cloud that Glue runs in.
    """

    def __init__(self, context: CloudContext) -> None:
        self.context = context

    def client(self, service: str, credentials: Mapping[str, str] | None = None) -> Any:
        """Returns a client of another service; uses Glue's credentials unless others are given."""
        given = self.context.environment if credentials is None else credentials
        session = boto3.Session(
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=given.get("AWS_SESSION_TOKEN"),
            region_name=self.context.region,
        )
        return session.client(service, endpoint_url=self.context.endpoint_url, config=_CONFIG)

    def assume(self, role: str) -> dict[str, str]:
        """Returns a role's credentials as environment variables.

        Parameters
        ----------
        role
            ARN or name; Glue accepts both.

        Raises
        ------
        RoleError
            If the role does not exist or does not trust Glue.
        """
        if not role.startswith("arn:"):
            role = arn("iam", f"role/{role}", account_id=self.context.account_id)
        session = roles.assume(role, _PRINCIPAL, "GlueJobRunnerSession", self.context.region)
        return {
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
        }
