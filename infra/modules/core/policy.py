"""IAM policy documents, and service roles with least privilege."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy
from constructs import Construct

from contracts.names import Names


@dataclass(frozen=True)
class Statement:
    """One statement of a policy.

    Parameters
    ----------
    principals
        Kind to names, for example ``{"Service": "iot.amazonaws.com"}``; None in a role's policy.
    conditions
        Conditions in IAM's format: operator, key, values.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str] = ()
    effect: str = "Allow"
    principals: Mapping[str, Any] | str | None = None
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        document: dict[str, Any] = {"Sid": self.sid, "Effect": self.effect}
        if self.principals is not None:
            document["Principal"] = self.principals
        document["Action"] = _one_or_many(self.actions)
        if self.resources:
            document["Resource"] = _one_or_many(self.resources)
        if self.conditions:
            document["Condition"] = self.conditions
        return document


def _one_or_many(values: Sequence[str]) -> str | list[str]:
    """Returns a list of one as a string, as AWS does; Terraform would report a change otherwise."""
    return values[0] if len(values) == 1 else list(values)


def document(*statements: Statement) -> str:
    """Returns a policy document in JSON."""
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [one.to_dict() for one in statements]},
        allow_nan=False,
    )


def use_of_data_key(names: Names, *actions: str) -> Statement:
    """Returns the permission to use the data stack's key.

    The key's id is known only after that stack is applied, and stacks don't read each other's
    state. The resource is therefore every key of the account and region, and the condition
    restricts it to the one with the alias.
    """
    return Statement(
        "UseDataKey",
        actions or ("kms:Decrypt", "kms:GenerateDataKey"),
        (names.arn("kms", "key/*"),),
        conditions={"ForAnyValue:StringEquals": {"kms:ResourceAliases": names.key_alias}},
    )


def use_of_output_key(names: Names) -> Statement:
    """Returns the permission to encrypt the output of SageMaker's jobs.

    SageMaker calls Encrypt for a key that a request names by its alias:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_OutputDataConfig.html
    """
    return use_of_data_key(names, "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")


def writing_to_log_group(names: Names, group: str) -> Statement:
    """Returns the permission to write to one log group."""
    streams = names.log_group_arn(f"{group}:*")
    return Statement("WriteLogs", ("logs:CreateLogStream", "logs:PutLogEvents"), (streams,))


@dataclass(frozen=True)
class RoleInputs:
    """Name, permissions and trust of a role that one AWS service assumes.

    Parameters
    ----------
    service
        Principal that assumes the role, for example ``glue.amazonaws.com``.
    statements
        All permissions of the role.
    trust_conditions
        Conditions of the trust policy, against the confused deputy problem.
    """

    name: str
    service: str
    description: str
    statements: Sequence[Statement]
    trust_conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class ServiceRole(Construct):
    """A role and its policy."""

    def __init__(self, scope: Construct, id_: str, inputs: RoleInputs) -> None:
        super().__init__(scope, id_)
        self.role = IamRole(
            self,
            "this",
            name=inputs.name,
            description=inputs.description,
            assume_role_policy=document(
                Statement(
                    "Assume",
                    ("sts:AssumeRole",),
                    principals={"Service": inputs.service},
                    conditions=inputs.trust_conditions,
                )
            ),
        )
        self.policy = IamRolePolicy(
            self,
            "policy",
            name=inputs.name,
            role=self.role.name,
            policy=document(*inputs.statements),
        )

    @property
    def arn(self) -> str:
        return self.role.arn
