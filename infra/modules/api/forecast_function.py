"""The Lambda function that answers the forecast API."""

from __future__ import annotations

from dataclasses import dataclass

from constructs import Construct

from contracts.lake.locations import RECENT
from contracts.names import Names
from infra.modules.core.function import Function, FunctionInputs
from infra.modules.core.packaging import Package
from infra.modules.core.policy import Statement, use_of_data_key
from infra.modules.core.skips import skip

TIMEOUT_SECONDS = 29
"""API Gateway's own timeout."""

MEMORY_MB = 512


@dataclass(frozen=True)
class ForecastFunctionInputs:
    """The function's code and limits.

    Parameters
    ----------
    code
        Zip described in `lambdas/forecast_api/handler.py`.
    interaction_days
        Days until an interaction expires.
    reserved_concurrency
        Concurrent executions reserved for the function; -1 uses the account's unreserved ones.
    """

    names: Names
    code: Package
    interaction_days: int
    reserved_concurrency: int
    tracing: bool


class ForecastFunction(Function):
    """The function that reads a device's history, calls the endpoint and stores the interaction."""

    def __init__(self, scope: Construct, id_: str, inputs: ForecastFunctionInputs) -> None:
        names = inputs.names
        super().__init__(
            scope,
            id_,
            FunctionInputs(
                names=names,
                name=names.api,
                description="Answers the forecast API",
                handler="forecast_api.handler.handler",
                code=inputs.code,
                log_group=names.workload_log_groups.function,
                timeout_seconds=TIMEOUT_SECONDS,
                memory_mb=MEMORY_MB,
                statements=_statements(names),
                variables={
                    "LAKECAST_ENV": names.environment,
                    "ENDPOINT_NAME": names.endpoint,
                    "CURATED_BUCKET": names.bucket("curated"),
                    "INTERACTIONS_TABLE": names.interactions_table,
                    "INTERACTION_RETENTION_DAYS": str(inputs.interaction_days),
                },
                reserved_concurrency=inputs.reserved_concurrency,
                tracing=inputs.tracing,
            ),
        )
        skip(
            self.function,
            CKV_AWS_116="it is called synchronously, so the caller receives the failure",
        )


def _statements(names: Names) -> tuple[Statement, ...]:
    return (
        Statement(
            "InvokeEndpoint",
            ("sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint"),
            (names.arn("sagemaker", f"endpoint/{names.endpoint}"),),
        ),
        Statement(
            "ReadHistory", ("s3:GetObject",), (names.bucket_arn("curated", f"{RECENT.prefix}*"),)
        ),
        Statement(
            "ListDevices",
            ("s3:ListBucket",),  # without it S3 returns 403, not 404, for a device without data
            (names.bucket_arn("curated"),),
            conditions={"StringLike": {"s3:prefix": f"{RECENT.prefix}*"}},
        ),
        Statement(
            "WriteInteractions",
            ("dynamodb:BatchWriteItem",),
            (names.table_arn(names.interactions_table),),
        ),
        use_of_data_key(names),
    )
