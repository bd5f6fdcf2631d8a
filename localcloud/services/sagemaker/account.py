"""Builds ARNs and clients for SageMaker's account and region, and assumes roles."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from contracts.names import arn
from localcloud.cloud.context import CloudContext
from localcloud.services.iam import roles
from localcloud.services.sagemaker.refusals import validation

logger = logging.getLogger(__name__)

_PRINCIPAL = "sagemaker.amazonaws.com"
# The cloud calls itself and may still be starting.
_CONFIG = Config(retries={"max_attempts": 5, "mode": "standard"}, connect_timeout=5)


class Account:
    """Account and region of all resources.

    Parameters
    ----------
    context
        Local cloud that SageMaker runs in.
    """

    def __init__(self, context: CloudContext) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._session = boto3.Session(region_name=context.region)

    def arn(self, kind: str, name: str) -> str:
        """Returns a resource's ARN, with its name in lower case as in SageMaker."""
        region, account_id = self.context.region, self.context.account_id
        resource = f"{kind}/{name.lower()}"
        return arn("sagemaker", resource, region=region, account_id=account_id)

    def check_region(self, name_or_arn: str) -> None:
        """Refuses an ARN of another region, in SageMaker's wording."""
        region = self.context.region
        if name_or_arn.startswith("arn:") and name_or_arn.split(":")[3] != region:
            raise validation(f"ARN should be scoped to correct region: {region}")

    def client(self, service: str) -> Any:
        """Returns a client of another service, with SageMaker's own credentials."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._new_client(self.context.environment, service)
            return self._clients[service]

    def client_with(self, credentials: Mapping[str, str], service: str) -> Any:
        """Returns a client with credentials given as environment variables."""
        with self._lock:
            return self._new_client(credentials, service)

    def _new_client(self, credentials: Mapping[str, str], service: str) -> Any:
        """Makes a client from a shared session, which loads botocore's large models only once.

        Not thread-safe.
        """
        return self._session.client(
            service,
            endpoint_url=self.context.endpoint_url,
            region_name=self.context.region,
            aws_access_key_id=credentials.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=credentials.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
            config=_CONFIG,
        )

    def assume(self, role_arn: str) -> Role:
        """Returns a role after checking that it can be assumed.

        Raises
        ------
        AwsError
            If the role is missing or does not trust SageMaker; the wording is SageMaker's.
        """
        role = Role(self, role_arn)
        role.credentials()
        return role

    def environment(self) -> dict[str, str]:
        """Returns the variables that point boto3 in a container to this cloud, no credentials.

        As on AWS, boto3 does not learn the region from them: it reads AWS_DEFAULT_REGION only.
        """
        return {
            "AWS_ENDPOINT_URL": self.context.endpoint_url,
            "AWS_REGION": self.context.region,
        }


@dataclass(frozen=True)
class Role:
    """A role of a job or a model; sessions are short, so each use assumes the role again."""

    account: Account
    arn: str

    def credentials(self) -> dict[str, str]:
        """Returns credentials as environment variables; raises as `Account.assume` does."""
        region = self.account.context.region
        try:
            session = roles.assume(self.arn, _PRINCIPAL, "SageMaker", region)
        except roles.RoleError as error:
            logger.info("SageMaker cannot assume a role: %s", error)
            raise validation(
                f"Could not assume role {self.arn}. Please ensure that the role exists and allows "
                f"principal '{_PRINCIPAL}' to assume the role."
            ) from error
        return {
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
        }

    def client(self, service: str) -> Any:
        """Returns a client with the role's permissions."""
        return self.account.client_with(self.credentials(), service)

    def environment(self) -> dict[str, str]:
        """Returns the variables that point boto3 in a container to this cloud, as the role."""
        return {**self.account.environment(), **self.credentials()}
