"""The account and region that SageMaker works in: ARNs, clients, and roles that it assumes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from localcloud.cloud.context import CloudContext
from localcloud.services.iam import roles
from localcloud.services.sagemaker.refusals import validation

logger = logging.getLogger(__name__)

_PRINCIPAL = "sagemaker.amazonaws.com"
# The cloud calls itself, and may still be busy with its own start.
_CONFIG = Config(retries={"max_attempts": 5, "mode": "standard"}, connect_timeout=5)


class Account:
    """Everything that is the same for all resources.

    Parameters
    ----------
    context
        The cloud that SageMaker is part of.
    """

    def __init__(self, context: CloudContext) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._session = boto3.Session(region_name=context.region)

    def arn(self, kind: str, name: str) -> str:
        """ARN of a resource, which has its name in lower case as SageMaker's have."""
        region, account = self.context.region, self.context.account_id
        return f"arn:aws:sagemaker:{region}:{account}:{kind}/{name.lower()}"

    def client(self, service: str) -> Any:
        """A client of another service in this cloud, with the service's own rights."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._new_client(self.context.environment, service)
            return self._clients[service]

    def client_with(self, credentials: Mapping[str, str], service: str) -> Any:
        """A client with the credentials that the environment variables in a mapping hold."""
        with self._lock:
            return self._new_client(credentials, service)

    def _new_client(self, credentials: Mapping[str, str], service: str) -> Any:
        """From one session for all, which reads botocore's large models once; not thread-safe."""
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
        """A role to act as.

        Raises
        ------
        AwsError
            In SageMaker's words, where the role is missing or does not trust SageMaker.
        """
        role = Role(self, role_arn)
        role.credentials()
        return role

    def environment(self) -> dict[str, str]:
        """What makes boto3 in a container speak to this cloud; without credentials."""
        region = self.context.region
        return {
            "AWS_ENDPOINT_URL": self.context.endpoint_url,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
        }


@dataclass(frozen=True)
class Role:
    """A role that a job or a model acts as; its sessions are short, so each use takes a new one."""

    account: Account
    arn: str

    def credentials(self) -> dict[str, str]:
        """A session's credentials, as environment variables; `AwsError` as in `Account.assume`."""
        region = self.account.context.region
        try:
            session = roles.assume(self.arn, _PRINCIPAL, "SageMaker", region)
        except roles.RoleError as error:
            logger.info("SageMaker may not assume a role: %s", error)
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
        """A client with the role's rights."""
        return self.account.client_with(self.credentials(), service)

    def environment(self) -> dict[str, str]:
        """What makes boto3 in a container speak to this cloud as the role."""
        return {**self.account.environment(), **self.credentials()}
