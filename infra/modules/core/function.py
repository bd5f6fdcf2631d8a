"""A Lambda function with its role and its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cdktf_cdktf_provider_aws.lambda_function import (
    LambdaFunction,
    LambdaFunctionEnvironment,
    LambdaFunctionLoggingConfig,
    LambdaFunctionTracingConfig,
)
from constructs import Construct

from contracts.names import Names
from infra.modules.core.packaging import Package
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement, writing_to_log_group
from infra.modules.core.skips import skip


@dataclass(frozen=True)
class FunctionInputs:
    """Code, permissions and configuration of a function.

    Parameters
    ----------
    name
        Name of the function and of its role.
    code
        Zip with the handler and this repository's modules that it imports
        (`infra.modules.core.packaging`).
    statements
        Permissions in addition to writing the log.
    reserved_concurrency
        Concurrent executions reserved for the function; -1 uses the account's unreserved ones.
    """

    names: Names
    name: str
    description: str
    handler: str
    code: Package
    log_group: str
    timeout_seconds: int
    memory_mb: int
    statements: Sequence[Statement]
    variables: Mapping[str, str] = field(default_factory=dict)
    reserved_concurrency: int = -1
    tracing: bool = False


class Function(Construct):
    """A Python function; boto3 is the one that the runtime provides."""

    def __init__(self, scope: Construct, id_: str, inputs: FunctionInputs) -> None:
        super().__init__(scope, id_)
        log = writing_to_log_group(inputs.names, inputs.log_group)
        role = ServiceRole(
            self,
            "role",
            RoleInputs(
                name=inputs.name,
                service="lambda.amazonaws.com",
                description=inputs.description,
                statements=(*inputs.statements, log, *_tracing(inputs.tracing)),
            ),
        )
        self.function = LambdaFunction(
            self,
            "this",
            function_name=inputs.name,
            description=inputs.description,
            role=role.arn,
            runtime="python3.11",
            handler=inputs.handler,
            filename=inputs.code.source,
            source_code_hash=inputs.code.base64_sha256,
            memory_size=inputs.memory_mb,
            timeout=inputs.timeout_seconds,
            reserved_concurrent_executions=inputs.reserved_concurrency,
            environment=LambdaFunctionEnvironment(variables=inputs.variables),
            logging_config=LambdaFunctionLoggingConfig(
                log_format="Text", log_group=inputs.log_group
            ),
            tracing_config=LambdaFunctionTracingConfig(
                mode="Active" if inputs.tracing else "PassThrough"
            ),
            depends_on=[role.policy],  # the first invocation needs the permissions
        )
        skip(
            self.function,
            CKV_AWS_117="it calls AWS services over TLS only; a VPC would add paid endpoints",
            CKV_AWS_173="its variables are not secret; AWS's own key encrypts them at rest",
            CKV_AWS_272="only the deployment's role uploads code, and its hash identifies it",
        )


def _tracing(enabled: bool) -> tuple[Statement, ...]:
    return (
        (
            Statement(
                "Trace",
                ("xray:PutTelemetryRecords", "xray:PutTraceSegments"),
                ("*",),  # X-Ray's write actions do not support resource-level permissions
            ),
        )
        if enabled
        else ()
    )
