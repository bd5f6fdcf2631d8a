"""The API's stage, its key, and its rate limits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.api_gateway_api_key import ApiGatewayApiKey
from cdktf_cdktf_provider_aws.api_gateway_method_settings import (
    ApiGatewayMethodSettings,
    ApiGatewayMethodSettingsSettings,
)
from cdktf_cdktf_provider_aws.api_gateway_stage import (
    ApiGatewayStage,
    ApiGatewayStageAccessLogSettings,
)
from cdktf_cdktf_provider_aws.api_gateway_usage_plan import (
    ApiGatewayUsagePlan,
    ApiGatewayUsagePlanApiStages,
    ApiGatewayUsagePlanQuotaSettings,
    ApiGatewayUsagePlanThrottleSettings,
)
from cdktf_cdktf_provider_aws.api_gateway_usage_plan_key import ApiGatewayUsagePlanKey
from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from constructs import Construct

from contracts.names import Names
from contracts.settings.schema import Api
from infra.modules.api.rest_api import RestApi
from infra.modules.core.skips import skip

_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "caller": "$context.identity.apiKeyId",
    "ip": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "latency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "error": "$context.error.responseType",
}


@dataclass(frozen=True)
class ApiStageInputs:
    """The API, the names of its environment, its limits, and whether it is traced with X-Ray.

    Parameters
    ----------
    log_days
        Days that errors of executions are kept.
    depends_on
        Resources that the stage's access log needs.
    """

    names: Names
    api: RestApi
    limits: Api
    tracing: bool
    log_days: int
    depends_on: Sequence[ITerraformDependable] = ()


class ApiStage(Construct):
    """A logged, throttled stage, with one key and its usage plan.

    AWS generates the key's value, so no secret is stored here; read it from API Gateway.
    """

    def __init__(self, scope: Construct, id_: str, inputs: ApiStageInputs) -> None:
        super().__init__(scope, id_)
        self._names, self._limits = inputs.names, inputs.limits
        rest_api_id = inputs.api.api.id
        execution_log = self._execution_log(rest_api_id, inputs.log_days)
        stage = ApiGatewayStage(
            self,
            "this",
            rest_api_id=rest_api_id,
            deployment_id=inputs.api.deployment.id,
            stage_name=self._names.environment,
            xray_tracing_enabled=inputs.tracing,
            access_log_settings=ApiGatewayStageAccessLogSettings(
                destination_arn=self._names.log_group_arn(
                    self._names.workload_log_groups.api_access
                ),
                format=json.dumps(_ACCESS_LOG, allow_nan=False),
            ),
            depends_on=[execution_log, *inputs.depends_on],
        )
        skip(
            stage,
            CKV_AWS_120="forecasts change with every reading, so a cache would serve stale ones",
            CKV2_AWS_29="requests need a key and are throttled; there is no firewall yet",
            CKV2_AWS_51="an API key identifies the caller, not a client certificate",
        )
        if not inputs.tracing:
            skip(stage, CKV_AWS_73="[api_gateway] tracing is off in this environment's settings")
        settings = ApiGatewayMethodSettings(
            self,
            "settings",
            rest_api_id=rest_api_id,
            stage_name=stage.stage_name,
            method_path="*/*",
            settings=ApiGatewayMethodSettingsSettings(
                metrics_enabled=True,
                logging_level="ERROR",
                data_trace_enabled=False,  # keep bodies out of the logs
                throttling_rate_limit=self._limits.requests_per_second,
                throttling_burst_limit=self._limits.burst,
            ),
        )
        skip(settings, CKV_AWS_225="forecasts change with every reading, so none is cached")
        self._key(rest_api_id, stage)

    def _execution_log(self, rest_api_id: str, days: int) -> CloudwatchLogGroup:
        """Creates the group that API Gateway would create without retention, under its name.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
        """
        group = CloudwatchLogGroup(
            self,
            "execution_log",
            name=f"API-Gateway-Execution-Logs_{rest_api_id}/{self._names.environment}",
            retention_in_days=days,
        )
        skip(
            group,
            CKV_AWS_158="the key's ARN belongs to the data stack; bodies are not logged",
        )
        if days < 365:
            skip(group, CKV_AWS_338="only prod keeps logs for a year; see [retention] log_days")
        return group

    def _key(self, rest_api_id: str, stage: ApiGatewayStage) -> None:
        limits, name = self._limits, self._names.api
        plan = ApiGatewayUsagePlan(
            self,
            "usage_plan",
            name=name,
            api_stages=[ApiGatewayUsagePlanApiStages(api_id=rest_api_id, stage=stage.stage_name)],
            throttle_settings=ApiGatewayUsagePlanThrottleSettings(
                rate_limit=limits.requests_per_second, burst_limit=limits.burst
            ),
            quota_settings=ApiGatewayUsagePlanQuotaSettings(
                limit=limits.requests_per_day, period="DAY"
            ),
        )
        key = ApiGatewayApiKey(self, "key", name=name, description="Callers of the forecast API")
        ApiGatewayUsagePlanKey(
            self, "key_in_plan", key_id=key.id, key_type="API_KEY", usage_plan_id=plan.id
        )
