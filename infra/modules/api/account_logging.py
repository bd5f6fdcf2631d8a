"""The role with which API Gateway writes logs."""

from __future__ import annotations

from cdktf_cdktf_provider_aws.api_gateway_account import ApiGatewayAccount
from constructs import Construct

from contracts.names import Names
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement


class AccountLogging(Construct):
    """The logging role of all APIs; there is one per account and region."""

    def __init__(self, scope: Construct, id_: str, names: Names) -> None:
        super().__init__(scope, id_)
        role = ServiceRole(
            self,
            "role",
            RoleInputs(
                name=names.role("api-logging"),
                service="apigateway.amazonaws.com",
                description="API Gateway writes logs",
                statements=(
                    Statement(
                        "DescribeLogGroups",
                        ("logs:DescribeLogGroups",),
                        ("*",),  # the action supports no narrower resource
                    ),
                    Statement(
                        "WriteLogs",
                        ("logs:CreateLogGroup", "logs:CreateLogStream",
                         "logs:DescribeLogStreams", "logs:FilterLogEvents",
                         "logs:GetLogEvents", "logs:PutLogEvents"),
                        # execution logs go to groups named after the API's id, which AWS generates
                        (names.log_group_arn("/aws/apigateway/*"),
                         names.log_group_arn("API-Gateway-Execution-Logs_*")),
                    ),
                ),
            ),
        )  # fmt: skip
        self.account = ApiGatewayAccount(
            self,
            "this",
            cloudwatch_role_arn=role.arn,
            reset_on_delete=True,  # else the account keeps naming a role that is gone
            depends_on=[role.policy],
        )
