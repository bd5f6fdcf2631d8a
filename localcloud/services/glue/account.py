"""The account that Glue works in: clients, and the role that a job or a crawler acts as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from localcloud.cloud.context import CloudContext
from localcloud.services.iam import roles

_PRINCIPAL = "glue.amazonaws.com"
_CONFIG = Config(max_pool_connections=16, retries={"max_attempts": 3, "mode": "standard"})


class Account:
    """Everything that is the same for all jobs and crawlers.

    Parameters
    ----------
    context
        The cloud that Glue is part of.
    """

    def __init__(self, context: CloudContext) -> None:
        self.context = context

    def client(self, service: str, credentials: Mapping[str, str] | None = None) -> Any:
        """A client of another service in this cloud; Glue's own rights, or those given."""
        given = self.context.environment if credentials is None else credentials
        session = boto3.Session(
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=given.get("AWS_SESSION_TOKEN"),
            region_name=self.context.region,
        )
        return session.client(service, endpoint_url=self.context.endpoint_url, config=_CONFIG)

    def assume(self, role: str) -> dict[str, str]:
        """Credentials of a role, as environment variables.

        Parameters
        ----------
        role
            ARN, or name, as Glue takes either.

        Raises
        ------
        RoleError
            Where the role does not exist or does not trust Glue.
        """
        if not role.startswith("arn:"):
            role = f"arn:aws:iam::{self.context.account_id}:role/{role}"
        session = roles.assume(role, _PRINCIPAL, "GlueJobRunnerSession", self.context.region)
        return {
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
        }
