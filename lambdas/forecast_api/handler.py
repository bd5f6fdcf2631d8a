"""Entry point of the forecast API's Lambda function: ``forecast_api.handler.handler``.

Package
-------
A zip whose root holds what this module imports of the project, ``forecast_api/contract.json`` and
``fastjsonschema/``: `infra.modules.api.function_code`. Runtime ``python3.11`` with its own boto3.
512 MB, timeout 29 s (API Gateway's limit), log format ``Text`` (each line is already JSON and
contains metrics in CloudWatch's embedded metric format).

Environment
-----------
==============================  ==============================================================
``ENDPOINT_NAME``               SageMaker endpoint, `contracts.names.Names.endpoint`
``CURATED_BUCKET``              bucket that holds ``recent/<device_id>.json``
``INTERACTIONS_TABLE``          DynamoDB table, `contracts.names.Names.interactions_table`
``INTERACTION_RETENTION_DAYS``  days until an interaction expires, for example 30
``LAKECAST_ENV``                environment, dimension of the metrics
==============================  ==============================================================

The table: partition key ``device_id`` (S), sort key ``asked_at`` (S), TTL attribute
``expires_at``.

Permissions
-----------
- ``sagemaker:InvokeEndpoint`` and ``sagemaker:DescribeEndpoint`` on the endpoint;
- ``s3:GetObject`` on ``<curated>/recent/*``;
- ``s3:ListBucket`` on ``<curated>`` where ``s3:prefix`` is like ``recent/*``: for the list of
  devices, and to distinguish a missing object from a refused one, because S3 returns 403 for both;
- ``kms:Decrypt`` and ``kms:GenerateDataKey`` on the key that encrypts bucket and table;
- ``dynamodb:BatchWriteItem`` on the table;
- ``logs:CreateLogStream`` and ``logs:PutLogEvents`` on the function's log group.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from rest_api.contract import operations
from rest_api.log import Log
from rest_api.router import Router

from forecast_api.forecasting import SageMakerForecaster
from forecast_api.history import S3History
from forecast_api.interactions import DynamoInteractionLog
from forecast_api.operations import handlers
from forecast_api.service import METRICS, NAMESPACE, ForecastService
from forecast_api.settings import Settings

_CONTRACT = Path(__file__).with_name("contract.json")

_QUICK = Config(
    connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}
)
"""For services that answer in milliseconds: a clear 503 is better than API Gateway's timeout."""

_FORECAST = Config(
    connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 1}
)
"""For the endpoint: a batch may take seconds, and the caller retries, not boto3."""


def build(settings: Settings) -> Router:
    """Build the router with clients of AWS's services; boto3 reads region and endpoint settings."""
    log = Log(sys.stdout, settings.environment, NAMESPACE, METRICS)

    def report_loss(count: int, reason: str) -> None:
        log.write("ERROR", f"{count} interaction(s) lost: {reason}")

    session = boto3.Session()
    service = ForecastService(
        S3History(session.client("s3", config=_QUICK), settings.curated_bucket),
        SageMakerForecaster(
            session.client("sagemaker-runtime", config=_FORECAST),
            session.client("sagemaker", config=_QUICK),
            settings.endpoint,
        ),
        DynamoInteractionLog(
            session.client("dynamodb", config=_QUICK),
            settings.interactions_table,
            timedelta(days=settings.retention_days),
            report_loss,
        ),
    )
    return Router(operations(_CONTRACT.read_bytes()), handlers(service), log)


_router = build(Settings.from_environment(os.environ))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one event of API Gateway's Lambda proxy integration (payload version 1.0)."""
    return _router.answer(event, context.aws_request_id)
