from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud.context import CloudContext
from localcloud.services.sagemaker.account import Account
from localcloud.services.sagemaker.admission import further_permissions, resource

ACCOUNT = Account(
    CloudContext(
        home=Path(),
        endpoint_url="http://127.0.0.1:1",
        region="eu-west-1",
        account_id="000000000000",
        project=Path(),
        python=Path(),
        environment={},
    )
)


@pytest.mark.parametrize(
    ("action", "request_", "arn"),
    [
        ("CreateTrainingJob", {"TrainingJobName": "a"}, "training-job/a"),
        ("DescribeModel", {"ModelName": "A"}, "model/a"),
        ("CreateEndpoint", {"EndpointName": "e", "EndpointConfigName": "c"}, "endpoint/e"),
        ("DeleteEndpointConfig", {"EndpointConfigName": "c"}, "endpoint-config/c"),
        ("UpdateEndpointWeightsAndCapacities", {"EndpointName": "e"}, "endpoint/e"),
        (
            "BatchDescribeModelPackage",
            {
                "ModelPackageArnList": [
                    "arn:aws:sagemaker:eu-west-1:000000000000:model-package/g/1",
                    "other",
                ]
            },
            "model-package/g/1",
        ),
    ],
)
def test_action_is_authorised_for_the_resource_that_it_names(
    action: str, request_: dict[str, Any], arn: str
) -> None:
    headers = {"x-amz-target": f"SageMaker.{action}"}
    found = resource(ACCOUNT, "/", headers, json.dumps(request_).encode())
    assert found == f"arn:aws:sagemaker:eu-west-1:000000000000:{arn}"


def test_invocation_is_authorised_for_its_endpoint() -> None:
    found = resource(ACCOUNT, "/endpoints/Forecast/invocations", {}, b"\x00 not JSON")
    assert found == "arn:aws:sagemaker:eu-west-1:000000000000:endpoint/forecast"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"{", b'{"EndpointName": 1}'])
def test_action_without_a_resource_is_authorised_for_all_resources(body: bytes) -> None:
    headers = {"x-amz-target": "SageMaker.ListEndpoints"}
    assert resource(ACCOUNT, "/", headers, body) == "*"


def test_tagging_is_authorised_for_the_tagged_resource() -> None:
    headers = {"x-amz-target": "SageMaker.AddTags"}
    assert resource(ACCOUNT, "/", headers, b'{"ResourceArn": "arn:x"}') == "arn:x"


@pytest.mark.parametrize(
    ("action", "request_", "permissions"),
    [
        ("CreateTrainingJob", {"RoleArn": "r"}, [("iam:PassRole", "r")]),
        (
            "CreateHyperParameterTuningJob",
            {"TrainingJobDefinition": {"RoleArn": "r"}},
            [("iam:PassRole", "r")],
        ),
        (
            "CreateModel",
            {"ModelName": "m", "ExecutionRoleArn": "r", "Tags": [{"Key": "a", "Value": "b"}]},
            [
                ("iam:PassRole", "r"),
                ("sagemaker:AddTags", "arn:aws:sagemaker:eu-west-1:000000000000:model/m"),
            ],
        ),
        ("AddTags", {"ResourceArn": "arn:x", "Tags": [{"Key": "a", "Value": "b"}]}, []),
        ("DescribeModel", {"ModelName": "m"}, []),
    ],
)
def test_roles_and_tags_need_further_permissions(
    action: str, request_: dict[str, Any], permissions: list[tuple[str, str]]
) -> None:
    headers = {"x-amz-target": f"SageMaker.{action}"}
    assert further_permissions(ACCOUNT, headers, json.dumps(request_).encode()) == permissions
