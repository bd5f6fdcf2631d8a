"""Fleet provisioning: issues certificates to new devices by claim, and renews existing ones.

A new device holds a claim certificate, which permits provisioning only; its serial number must be
on the allow-list. A known device renews with its current certificate. Each case has a provisioning
template, and both templates use the same hook.
https://docs.aws.amazon.com/iot/latest/developerguide/provision-wo-cert.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cdktf_cdktf_provider_aws.iot_policy import IotPolicy
from cdktf_cdktf_provider_aws.iot_provisioning_template import (
    IotProvisioningTemplate,
    IotProvisioningTemplatePreProvisioningHook,
)
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from constructs import Construct

from contracts.messages.provisioning import (
    CREATE_CERTIFICATE_TOPIC,
    REQUEST_TOKEN,
    SERIAL_NUMBER,
    THING_NAME,
    confirm_topic,
    confirmed_topic,
    register_topic,
)
from contracts.names import Names
from infra.modules.core.function import Function, FunctionInputs
from infra.modules.core.literal import literal
from infra.modules.core.packaging import Package
from infra.modules.core.policy import RoleInputs, ServiceRole, Statement, document, use_of_data_key
from infra.modules.core.skips import skip

HOOK_SECONDS = 5
"""AWS IoT's own timeout for a hook."""

MEMORY_MB = 512
"""CPU scales with memory, and a cold start has to take much less than the timeout."""

_THING = "${iot:Connection.Thing.ThingName}"


@dataclass(frozen=True)
class FleetProvisioningInputs:
    """Names of the environment, whether claims are enabled, and the hook's code.

    Parameters
    ----------
    enabled
        Whether new devices may claim; renewals are always possible.
    hook
        Zip with ``provisioning_hook/`` and ``contracts/`` at its root.
    """

    names: Names
    enabled: bool
    hook: Package


class FleetProvisioning(Construct):
    """Policies, provisioning templates, and their pre-provisioning hook."""

    def __init__(self, scope: Construct, id_: str, inputs: FleetProvisioningInputs) -> None:
        super().__init__(scope, id_)
        self._names = names = inputs.names
        self._iot = partial(names.arn, "iot")
        self._policies()
        self._hook = self._make_hook(inputs.hook)
        self._role = self._provisioning_role()
        self._template(
            "claim",
            names.claim_template,
            "Provisions a device whose serial number is on the allow-list",
            (SERIAL_NUMBER, REQUEST_TOKEN, THING_NAME),
            enabled=inputs.enabled,
        )
        self._template(
            "rotation", names.rotation_template, "Renews the certificate of a device", (THING_NAME,)
        )

    def _template(
        self,
        way: str,
        name: str,
        description: str,
        parameters: Sequence[str],
        *,
        enabled: bool = True,
    ) -> None:
        hook = self._hook.function
        permission = LambdaPermission(
            self,
            f"{way}_permission",
            statement_id=f"{way}-template",
            action="lambda:InvokeFunction",
            function_name=hook.function_name,
            principal="iot.amazonaws.com",
            source_account=self._names.account_id,
            source_arn=self._iot(f"provisioningtemplate/{name}"),
        )
        IotProvisioningTemplate(
            self,
            f"{way}_template",
            name=name,
            description=description,
            enabled=enabled,
            provisioning_role_arn=self._role.arn,
            template_body=json.dumps(self._body(parameters), sort_keys=True, allow_nan=False),
            pre_provisioning_hook=IotProvisioningTemplatePreProvisioningHook(
                target_arn=hook.arn, payload_version="2020-04-01"
            ),
            depends_on=[
                permission,
                self._role.policy,
            ],  # AWS validates both at creation
        )

    def _body(self, parameters: Sequence[str]) -> dict[str, Any]:
        """Returns the template's body; for an existing thing, only its certificates change.

        https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
        """
        names = self._names
        policies = {"device_policy": names.device_policy, "renewal_policy": names.renewal_policy}
        return {
            "Parameters": {parameter: {"Type": "String"} for parameter in parameters},
            "Resources": {
                "thing": {
                    "Type": "AWS::IoT::Thing",
                    "Properties": {
                        "ThingName": {"Ref": THING_NAME},
                        "ThingTypeName": names.thing_type,
                    },
                    "OverrideSettings": {"ThingTypeName": "DO_NOTHING"},
                },
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {
                        "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                        "Status": "Active",
                    },
                },
                **{
                    policy: {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": name}}
                    for policy, name in policies.items()
                },
            },
            "DeviceConfiguration": {
                "environment": names.environment,
                "account_id": names.account_id,
            },
        }

    def _policies(self) -> None:
        names = self._names
        claim = (CREATE_CERTIFICATE_TOPIC, register_topic(names.claim_template))
        IotPolicy(
            self,
            "claim_policy",
            name=names.claim_policy,
            policy=literal(
                document(
                    # Any client id with this prefix: many devices share one claim certificate.
                    Statement("Connect", ("iot:Connect",), (self._iot("client/claim-*"),)),
                    *self._exchanges(claim, tuple(f"{topic}/*" for topic in claim)),
                )
            ),
        )
        renewal = (CREATE_CERTIFICATE_TOPIC, register_topic(names.rotation_template))
        IotPolicy(
            self,
            "renewal_policy",
            name=names.renewal_policy,
            policy=literal(
                document(
                    *self._exchanges(
                        (*renewal, confirm_topic(_THING)),
                        (*(f"{topic}/*" for topic in renewal), confirmed_topic(_THING)),
                    )
                )
            ),
        )

    def _exchanges(
        self, requests: tuple[str, ...], responses: tuple[str, ...]
    ) -> tuple[Statement, Statement, Statement]:
        """Returns permissions to publish requests and to receive their responses."""
        return (
            Statement(
                "PublishRequests", ("iot:Publish",), [self._iot(f"topic/{one}") for one in requests]
            ),
            Statement(
                "SubscribeToResponses",
                ("iot:Subscribe",),
                [self._iot(f"topicfilter/{one}") for one in responses],
            ),
            Statement(
                "Receive", ("iot:Receive",), [self._iot(f"topic/{one}") for one in responses]
            ),
        )

    def _provisioning_role(self) -> ServiceRole:
        """Creates the role, with what the managed policy AWSIoTThingsRegistration permits.

        It may not create policies, register certificates of another authority, or use groups: the
        templates do none of these.
        https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSIoTThingsRegistration.html
        """
        names = self._names
        policies = tuple(
            self._iot(f"policy/{one}") for one in (names.device_policy, names.renewal_policy)
        )
        return ServiceRole(
            self,
            "provisioning_role",
            RoleInputs(
                name=names.role("provisioning"),
                service="iot.amazonaws.com",
                description="AWS IoT registers the devices that the hook admits",
                statements=(
                    Statement(
                        "CreateThings",
                        (
                            "iot:CreateThing",
                            "iot:DescribeThing",
                            "iot:ListThingGroupsForThing",
                            "iot:UpdateThing",
                        ),
                        (self._iot("thing/*"),),  # a device's name is not known in advance
                    ),
                    Statement(
                        "UseThingType",
                        ("iot:DescribeThingType",),
                        (self._iot(f"thingtype/{names.thing_type}"),),
                    ),
                    Statement(
                        "ActivateCertificates",
                        (
                            "iot:AttachPolicy",
                            "iot:AttachPrincipalPolicy",
                            "iot:DescribeCertificate",
                            "iot:DetachPolicy",
                            "iot:DetachThingPrincipal",
                            "iot:ListPrincipalThings",
                            "iot:UpdateCertificate",
                        ),
                        (self._iot("cert/*"),),  # nor is its certificate's id
                    ),
                    Statement(
                        "AttachCertificates",
                        (
                            "iot:AttachThingPrincipal",
                            "iot:ListAttachedPolicies",
                            "iot:ListPolicyPrincipals",
                            "iot:ListPrincipalPolicies",
                            "iot:ListThingPrincipals",
                            "iot:RegisterThing",
                        ),
                        ("*",),  # these actions do not support resource-level permissions
                    ),
                    Statement(
                        "ReadPolicies",
                        ("iot:GetPolicy", "iot:ListTargetsForPolicy"),
                        policies,
                    ),
                ),
            ),
        )

    def _make_hook(self, code: Package) -> Function:
        names = self._names
        hook = Function(
            self,
            "hook",
            FunctionInputs(
                names=names,
                name=names.provisioning_hook,
                description="Decides which devices may be provisioned",
                handler="provisioning_hook.handler.handler",
                code=code,
                log_group=names.log_groups.provisioning_hook,
                timeout_seconds=HOOK_SECONDS,
                memory_mb=MEMORY_MB,
                statements=(
                    Statement(
                        "UseSerialNumber",
                        ("dynamodb:UpdateItem",),
                        (names.table_arn(names.allow_list_table),),
                    ),
                    Statement(
                        "ListHolders",
                        ("iot:ListThingPrincipals",),
                        ("*",),  # the action does not support resource-level permissions
                    ),
                    use_of_data_key(names, "kms:Decrypt"),
                ),
                variables={
                    "LAKECAST_ENV": names.environment,
                    "ACCOUNT_ID": names.account_id,
                    "ALLOW_LIST_TABLE": names.allow_list_table,
                },
            ),
        )
        skip(
            hook.function,
            CKV_AWS_116="it is called synchronously, so a failure rejects the device",
        )
        return hook
