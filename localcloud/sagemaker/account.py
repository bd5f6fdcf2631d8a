"""The account and region that SageMaker works in: ARNs, clients, and roles that it assumes."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.context import CloudContext
from localcloud.sagemaker.errors import validation

_PRINCIPAL = "sagemaker.amazonaws.com"
_SESSION_SECONDS = 12 * 3600  # for as long as a laptop's endpoint is likely to be up
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

    def arn(self, kind: str, name: str) -> str:
        """ARN of a resource, which has its name in lower case as SageMaker's have."""
        region, account = self.context.region, self.context.account_id
        return f"arn:aws:sagemaker:{region}:{account}:{kind}/{name.lower()}"

    def client(self, service: str) -> Any:
        """A client of another service in this cloud, with the service's own rights."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self.client_with(self.context.environment, service)
            return self._clients[service]

    def client_with(self, credentials: Mapping[str, str], service: str) -> Any:
        """A client with the credentials that the environment variables in a mapping hold."""
        session = boto3.Session(
            aws_access_key_id=credentials.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=credentials.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
            region_name=self.context.region,
        )
        return session.client(service, endpoint_url=self.context.endpoint_url, config=_CONFIG)

    def assume(self, role_arn: str) -> Role:
        """Credentials of a role.

        Raises
        ------
        AwsError
            In SageMaker's words, where the role is missing or does not trust SageMaker.
        """
        refusal = validation(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows "
            f"principal '{_PRINCIPAL}' to assume the role."
        )
        try:
            role = self.client("iam").get_role(RoleName=role_arn.rpartition("/")[2])["Role"]
            if role["Arn"] != role_arn or not trusts(role["AssumeRolePolicyDocument"], _PRINCIPAL):
                raise refusal
            answer = self.client("sts").assume_role(
                RoleArn=role_arn, RoleSessionName="SageMaker", DurationSeconds=_SESSION_SECONDS
            )
        except ClientError as error:
            raise refusal from error
        credentials = answer["Credentials"]
        return Role(
            self,
            role_arn,
            {
                "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
                "AWS_SESSION_TOKEN": credentials["SessionToken"],
            },
        )

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
    """A role that was assumed for a job or a model."""

    account: Account
    arn: str
    credentials: Mapping[str, str]

    def client(self, service: str) -> Any:
        """A client with the role's rights."""
        return self.account.client_with(self.credentials, service)

    def environment(self) -> dict[str, str]:
        """What makes boto3 in a container speak to this cloud as the role."""
        return {**self.account.environment(), **self.credentials}


def trusts(policy: str | Mapping[str, Any], principal: str) -> bool:
    """Whether a trust policy lets a service assume the role; conditions are left to STS."""
    document = json.loads(policy) if isinstance(policy, str) else policy
    statements = document.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        named = statement.get("Principal", {})
        services = named if isinstance(named, str) else named.get("Service", [])
        listed = [services] if isinstance(services, str) else services
        if statement.get("Effect") == "Allow" and (principal in listed or "*" in listed):
            return True
    return False
