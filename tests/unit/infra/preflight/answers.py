"""An account whose answers a test gives; botocore's models check calls and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from contracts.names import Names
from infra.preflight.account import Account
from infra.preflight.checks.services import PROBES
from tests.support.sessions import ACCOUNT, REGION
from tests.support.settings import changed

Answer = dict[str, Any] | Exception | Callable[[dict[str, Any]], dict[str, Any]]


def refusal(operation: str, code: str, message: str = "no") -> ClientError:
    """An error of AWS."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def denied(service: str, operation: str) -> ClientError:
    """The error of a missing permission."""
    message = f"User: x is not authorized to perform: {service}:{operation}"
    return refusal(operation, "AccessDeniedException", message)


class Answers:
    """A session whose clients give these answers, by service and operation."""

    region_name = REGION

    def __init__(self, answers: Mapping[tuple[str, str], Answer]) -> None:
        self._answers = answers
        self.calls: list[tuple[str, str, dict[str, Any]]] = []

    def client(self, service: str, config: Any = None, region_name: str | None = None) -> Any:
        client = _client(service, region_name or REGION)

        def call(operation: str, request: dict[str, Any]) -> dict[str, Any]:
            self.calls.append((service, operation, request))
            model = client.meta.service_model.operation_model(operation)
            _fits(request, model.input_shape)
            answer = self._answers[service, operation]
            if isinstance(answer, Exception):
                raise answer
            result = answer(request) if callable(answer) else answer
            _fits(result, model.output_shape)
            return result

        client._make_api_call = call
        return client


@cache
def _client(service: str, region: str) -> Any:
    """A client for all tests, because botocore takes long to read a service's model."""
    return boto3.client(
        service, region_name=region, aws_access_key_id="x", aws_secret_access_key="x"
    )


def _fits(value: dict[str, Any], shape: Any) -> None:
    if shape is not None:
        report = ParamValidator().validate(value, shape)
        assert not report.has_errors(), report.generate_report()


def quotas(values: Mapping[str, float]) -> dict[str, Any]:
    return {"Quotas": [{"QuotaName": name, "Value": value} for name, value in values.items()]}


def of_new_account(needed: Mapping[str, float]) -> dict[tuple[str, str], Answer]:
    """Answers of an account in which nothing is applied yet, with quotas that suffice."""
    probes: dict[tuple[str, str], Answer] = {
        ("apigateway", "GetRestApis"): {},
        ("athena", "ListWorkGroups"): {},
        ("cloudwatch", "DescribeAlarms"): {},
        ("dynamodb", "ListTables"): {},
        ("ecr", "DescribeRepositories"): {},
        ("events", "ListRules"): {},
        ("firehose", "ListDeliveryStreams"): {
            "DeliveryStreamNames": [], "HasMoreDeliveryStreams": False,
        },
        ("glue", "GetDatabases"): {"DatabaseList": []},
        ("iam", "ListRoles"): {"Roles": []},
        ("iot", "DescribeEndpoint"): {},
        ("kms", "ListAliases"): {},
        ("lambda", "ListFunctions"): {},
        ("logs", "DescribeLogGroups"): {},
        ("s3", "ListBuckets"): {},
        ("sagemaker", "ListEndpoints"): {"Endpoints": []},
        ("sagemaker", "ListMlflowTrackingServers"): {},
        ("sns", "ListTopics"): {},
        ("sqs", "ListQueues"): {},
        ("stepfunctions", "ListStateMachines"): {"stateMachines": []},
    }  # fmt: skip
    assert {service for service, _ in probes} == set(PROBES)
    return {
        **probes,
        ("sts", "GetCallerIdentity"): {"Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/x/y"},
        ("service-quotas", "ListAWSDefaultServiceQuotas"): quotas(dict.fromkeys(needed, 0.0)),
        ("service-quotas", "ListServiceQuotas"): quotas(needed),
        ("lambda", "GetAccountSettings"): limits(1000, 1000),
        ("lambda", "GetFunctionConcurrency"): refusal("x", "ResourceNotFoundException"),
        ("apigateway", "GetAccount"): {},
        ("iam", "GetRole"): lambda request: role(request["RoleName"]),
        ("s3", "HeadBucket"): {"BucketRegion": REGION},
        ("s3", "GetBucketVersioning"): {"Status": "Enabled"},
        ("s3", "GetBucketEncryption"): {
            "ServerSideEncryptionConfiguration": {
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            }
        },
        ("s3", "GetPublicAccessBlock"): public_access_block(),
        ("s3", "PutObject"): {"VersionId": "v1"},
        ("s3", "DeleteObject"): {},
        ("ce", "ListCostAllocationTags"): {"CostAllocationTags": []},
        ("sns", "ListSubscriptionsByTopic"): refusal("x", "NotFound"),
        ("ecr", "DescribeImages"): refusal("x", "RepositoryNotFoundException"),
    }


def limits(limit: int, unreserved: int) -> dict[str, Any]:
    return {
        "AccountLimit": {
            "ConcurrentExecutions": limit,
            "UnreservedConcurrentExecutions": unreserved,
        }
    }


def role(name: str) -> dict[str, Any]:
    return {
        "Role": {
            "Path": "/",
            "RoleName": name,
            "RoleId": "AROAEXAMPLEEXAMPLE00",
            "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "CreateDate": datetime(2026, 1, 1, tzinfo=UTC),
        }
    }


def public_access_block(**changes: bool) -> dict[str, Any]:
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    return {"PublicAccessBlockConfiguration": dict.fromkeys(names, True) | changes}


def account_of(
    answers: Mapping[tuple[str, str], Answer],
    home: Path,
    environment: str = "prod",
    settings: dict[str, Any] | None = None,
) -> Account:
    """An account with these answers, and settings of an environment with changes."""
    return Account(
        session=Answers(answers),
        names=Names(environment, ACCOUNT, REGION),
        settings=changed(environment, settings or {}),
        backend="s3",
        home=home,
        variables={},
    )
