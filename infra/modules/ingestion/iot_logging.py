"""AWS IoT's logging: refused connections, denied publishes, failed rules."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.iot_logging_options import IotLoggingOptions
from constructs import Construct

from contracts.names import Names
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement


@dataclass(frozen=True)
class IotLoggingInputs:
    """Names of the environment, and the least severe level that is logged."""

    names: Names
    level: str


class IotLogging(Construct):
    """The logging of the account and region, and its role; there is one of them.

    https://docs.aws.amazon.com/iot/latest/developerguide/configure-logging.html
    """

    def __init__(self, scope: Construct, id_: str, inputs: IotLoggingInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        role = ServiceRole(
            self,
            "role",
            RoleInputs(
                name=names.role("iot-logging"),
                service="iot.amazonaws.com",
                description="AWS IoT writes its log",
                statements=(
                    Statement(
                        "WriteLog",
                        ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents",
                         "logs:PutMetricFilter", "logs:PutRetentionPolicy"),
                        (names.log_group_arn("AWSIotLogsV2"),
                         names.log_group_arn("AWSIotLogsV2:*")),
                    ),
                ),
                trust_conditions={"StringEquals": {"aws:SourceAccount": names.account_id}},
            ),
        )  # fmt: skip
        IotLoggingOptions(
            self,
            "this",
            default_log_level=inputs.level,
            role_arn=role.arn,
            depends_on=[role.policy],
        )
