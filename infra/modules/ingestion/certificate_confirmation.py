"""What rids a device of its former certificates: the rule on confirmations and its function."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.iot_topic_rule import IotTopicRule, IotTopicRuleLambda
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from constructs import Construct

from contracts.messages.provisioning import confirmed_topic
from contracts.names import Names
from infra.modules.core.function import Function, FunctionInputs
from infra.modules.core.packaging import Package
from infra.modules.core.policy import Statement
from infra.modules.core.skips import skip

TIMEOUT_SECONDS = 15
MEMORY_MB = 256

_RULE = "SELECT topic(2) AS thing_name, principal() AS certificate_id FROM 'certificates/+/confirm'"


@dataclass(frozen=True)
class CertificateConfirmationInputs:
    """Whose devices they are, and the function's code.

    Parameters
    ----------
    code
        Zip with ``certificate_confirmation/`` and ``contracts/`` at its root.
    """

    names: Names
    code: Package


class CertificateConfirmation(Construct):
    """A device that has proven its certificate keeps no earlier one."""

    def __init__(self, scope: Construct, id_: str, inputs: CertificateConfirmationInputs) -> None:
        super().__init__(scope, id_)
        names = inputs.names
        function = Function(
            self,
            "function",
            FunctionInputs(
                names=names,
                name=names.certificate_confirmation,
                description="Switches off what a confirmed certificate replaces",
                handler="certificate_confirmation.handler.handler",
                code=inputs.code,
                log_group=names.log_groups.certificate_confirmation,
                timeout_seconds=TIMEOUT_SECONDS,
                memory_mb=MEMORY_MB,
                statements=(
                    Statement(
                        "SeeCertificates",
                        ("iot:ListThingPrincipals",),
                        ("*",),  # the action has no resources
                    ),
                    Statement(
                        "SwitchOff",
                        ("iot:DescribeCertificate", "iot:UpdateCertificate"),
                        (names.arn("iot", "cert/*"),),  # of whichever device confirms
                    ),
                    Statement(
                        "Answer",
                        ("iot:Publish",),
                        (names.arn("iot", f"topic/{confirmed_topic('*')}"),),
                    ),
                ),
            ),
        )
        skip(
            function.function,
            CKV_AWS_116="a device that gets no answer asks again, so no event needs keeping",
        )
        rule = IotTopicRule(
            self,
            "rule",
            name=names.confirmation_rule,
            description="A device that holds its new certificate is rid of its former ones",
            enabled=True,
            sql=_RULE,
            sql_version="2016-03-23",
            lambda_=[IotTopicRuleLambda(function_arn=function.function.arn)],
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
