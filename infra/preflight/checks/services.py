"""Whether the services of the estate answer in the region: some are closed, or not everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.preflight.account import Account
from infra.preflight.findings import OK, Finding, of_error

PROBES: dict[str, tuple[str, dict[str, Any]]] = {
    "apigateway": ("get_rest_apis", {"limit": 1}),
    "athena": ("list_work_groups", {"MaxResults": 1}),
    "cloudwatch": ("describe_alarms", {"MaxRecords": 1}),
    "dynamodb": ("list_tables", {"Limit": 1}),
    "ecr": ("describe_repositories", {"maxResults": 1}),
    "events": ("list_rules", {"Limit": 1}),
    "firehose": ("list_delivery_streams", {"Limit": 1}),
    "glue": ("get_databases", {"MaxResults": 1}),
    "iam": ("list_roles", {"MaxItems": 1}),
    "iot": ("describe_endpoint", {"endpointType": "iot:Data-ATS"}),
    "kms": ("list_aliases", {"Limit": 1}),
    "lambda": ("list_functions", {"MaxItems": 1}),
    "logs": ("describe_log_groups", {"limit": 1}),
    "s3": ("list_buckets", {}),
    "sagemaker": ("list_endpoints", {"MaxResults": 1}),
    "sns": ("list_topics", {}),
    "sqs": ("list_queues", {"MaxResults": 1}),
    "stepfunctions": ("list_state_machines", {"maxResults": 1}),
}
"""A call of each service that reads little, by boto3's name of the service."""

_TRACKING = ("list_mlflow_tracking_servers", {"MaxResults": 1})


def check(account: Account) -> Iterator[Finding]:
    """Checks that each service answers; one line tells how many do."""
    probes = [(service, *probe) for service, probe in PROBES.items()]
    if account.settings.experiments.tracking_server:
        probes.append(("sagemaker", *_TRACKING))
    answering = 0
    for service, operation, arguments in probes:
        try:
            getattr(account.client(service), operation)(**arguments)
        except (BotoCoreError, ClientError) as error:
            yield of_error(f"service {service}", error, "an answer of the service")
        else:
            answering += 1
    if answering:
        yield Finding("services", OK, "answers", f"{answering} of {len(probes)} answer")
