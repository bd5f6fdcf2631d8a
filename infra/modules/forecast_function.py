"""The Lambda function that answers the forecast API."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.lambda_function import (
    LambdaFunction,
    LambdaFunctionEnvironment,
    LambdaFunctionLoggingConfig,
    LambdaFunctionTracingConfig,
)
from constructs import Construct

from contracts.lake import RECENT
from contracts.names import Names
from infra import log_groups
from infra.modules.policy import (
    RoleInputs,
    ServiceRole,
    Statement,
    use_of_data_key,
    writing_to_log_group,
)
from infra.packaging import Package
from infra.skips import skip

TIMEOUT_SECONDS = 29
"""API Gateway waits no longer."""

MEMORY_MB = 512


@dataclass(frozen=True)
class ForecastFunctionInputs:
    """The function's code and limits.

    Parameters
    ----------
    code
        Zip with ``forecast_api/`` and ``contracts/`` at its root.
    interaction_days
        Days until an interaction expires.
    reserved_concurrency
        Simultaneous runs kept for it; -1 shares the account's.
    """

    names: Names
    code: Package
    interaction_days: int
    reserved_concurrency: int
    tracing: bool


class ForecastFunction(Construct):
    """Reads a device's history, asks the endpoint, keeps the interaction."""

    def __init__(self, scope: Construct, id_: str, inputs: ForecastFunctionInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        role = ServiceRole(
            self,
            "role",
            RoleInputs(
                name=names.part("forecast-api"),
                service="lambda.amazonaws.com",
                description="The forecast API's function",
                statements=_statements(names, inputs.tracing),
            ),
        )
        self.function = LambdaFunction(
            self,
            "this",
            function_name=names.forecast_function,
            description="Answers the forecast API",
            role=role.arn,
            runtime="python3.11",
            handler="forecast_api.handler.handler",
            filename=inputs.code.source,
            source_code_hash=inputs.code.base64_sha256,
            memory_size=MEMORY_MB,
            timeout=TIMEOUT_SECONDS,
            reserved_concurrent_executions=inputs.reserved_concurrency,
            environment=LambdaFunctionEnvironment(
                variables={
                    "LAKECAST_ENV": names.environment,
                    "ENDPOINT_NAME": names.endpoint,
                    "CURATED_BUCKET": names.bucket("curated"),
                    "INTERACTIONS_TABLE": names.interactions_table,
                    "INTERACTION_RETENTION_DAYS": str(inputs.interaction_days),
                }
            ),
            logging_config=LambdaFunctionLoggingConfig(
                log_format="Text", log_group=log_groups.function(names)
            ),
            tracing_config=LambdaFunctionTracingConfig(
                mode="Active" if inputs.tracing else "PassThrough"
            ),
            depends_on=[role.policy],  # its first run needs what the policy allows
        )
        skip(
            self.function,
            CKV_AWS_116="it is called synchronously, so a failure is the caller's answer",
            CKV_AWS_117="it calls only services of AWS over TLS; a VPC would add endpoints to pay",
            CKV_AWS_173="its variables are names; AWS's own key encrypts them at rest",
            CKV_AWS_272="code comes from the pipeline's role alone, and is known by its hash",
        )


def _statements(names: Names, tracing: bool) -> tuple[Statement, ...]:
    curated = f"arn:aws:s3:::{names.bucket('curated')}"
    region = f"{names.region}:{names.account_id}"
    statements = [
        Statement(
            "AskEndpoint",
            ("sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint"),
            (f"arn:aws:sagemaker:{region}:endpoint/{names.endpoint}",),
        ),
        Statement("ReadHistory", ("s3:GetObject",), (f"{curated}/{RECENT.prefix}*",)),
        Statement(
            "ListDevices",
            ("s3:ListBucket",),  # without it S3 says 403, not 404, of a device that it lacks
            (curated,),
            conditions={"StringLike": {"s3:prefix": f"{RECENT.prefix}*"}},
        ),
        Statement(
            "KeepInteractions",
            ("dynamodb:BatchWriteItem",),
            (f"arn:aws:dynamodb:{region}:table/{names.interactions_table}",),
        ),
        use_of_data_key(names),
        writing_to_log_group(names, log_groups.function(names)),
    ]
    if tracing:
        statements.append(
            Statement(
                "Trace",
                ("xray:PutTelemetryRecords", "xray:PutTraceSegments"),
                ("*",),  # X-Ray's write actions have no resources
            )
        )
    return tuple(statements)
