"""Deactivates a device's previous certificates after it confirms a new one: rule and function."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.iot_topic_rule import IotTopicRule, IotTopicRuleLambda
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from constructs import Construct

from contracts.lake.locations import RAW_CONFIRMATION_ERRORS
from contracts.messages.provisioning import confirmed_topic
from contracts.names import Names
from infra.modules.core.function import Function, FunctionInputs
from infra.modules.core.packaging import Package
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement, use_of_data_key
from infra.modules.core.skips import skip
from infra.modules.ingestion.error_action import to_raw_bucket

TIMEOUT_SECONDS = 15
MEMORY_MB = 256

_RULE = "SELECT topic(2) AS thing_name, principal() AS certificate_id FROM 'certificates/+/confirm'"


@dataclass(frozen=True)
class CertificateConfirmationInputs:
    """Names of the environment and the function's code.

    Parameters
    ----------
    code
        Zip with ``certificate_confirmation/`` and ``contracts/`` at its root.
    """

    names: Names
    code: Package


class CertificateConfirmation(Construct):
    """The rule on confirmations and the function that deactivates previous certificates."""

    def __init__(self, scope: Construct, id_: str, inputs: CertificateConfirmationInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        function = Function(
            self,
            "function",
            FunctionInputs(
                names=names,
                name=names.certificate_confirmation,
                description="Deactivates the certificates that a confirmed one replaces",
                handler="certificate_confirmation.handler.handler",
                code=inputs.code,
                log_group=names.log_groups.certificate_confirmation,
                timeout_seconds=TIMEOUT_SECONDS,
                memory_mb=MEMORY_MB,
                statements=(
                    Statement(
                        "ListCertificates",
                        ("iot:ListThingPrincipals",),
                        ("*",),  # the action does not support resource-level permissions
                    ),
                    Statement(
                        "DeactivateCertificates",
                        ("iot:DescribeCertificate", "iot:UpdateCertificate"),
                        (names.arn("iot", "cert/*"),),  # any device may confirm
                    ),
                    Statement(
                        "PublishResult",
                        ("iot:Publish",),
                        (names.arn("iot", f"topic/{confirmed_topic('*')}"),),
                    ),
                ),
            ),
        )
        skip(
            function.function,
            CKV_AWS_116="a device without an answer retries, so failed events need no queue",
        )
        role = ServiceRole(
            self,
            "rule_role",
            RoleInputs(
                name=names.role("confirmation-rule"),
                service="iot.amazonaws.com",
                description="The rule on confirmations keeps what it could not hand over",
                statements=(
                    Statement(
                        "WriteErrors",
                        ("s3:PutObject",),
                        (names.bucket_arn("raw", f"{RAW_CONFIRMATION_ERRORS.prefix}*"),),
                    ),
                    use_of_data_key(names),
                ),
                trust_conditions={"StringEquals": {"aws:SourceAccount": names.account_id}},
            ),
        )
        rule = IotTopicRule(
            self,
            "rule",
            name=names.confirmation_rule,
            description="Deactivates a device's previous certificates after it confirms a new one",
            enabled=True,
            sql=_RULE,
            sql_version="2016-03-23",
            lambda_=[IotTopicRuleLambda(function_arn=function.function.arn)],
            error_action=to_raw_bucket(names, RAW_CONFIRMATION_ERRORS, role.arn),
            depends_on=[role.policy],  # IoT validates the role when the rule is created
        )
        LambdaPermission(
            self,
            "permission",
            statement_id="confirmation-rule",
            action="lambda:InvokeFunction",
            function_name=function.function.function_name,
            principal="iot.amazonaws.com",
            source_account=names.account_id,
            source_arn=rule.arn,
        )
