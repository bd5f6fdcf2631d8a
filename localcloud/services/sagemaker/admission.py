"""Registers SageMaker with ministack's router and authorisation.

Without this, the router would search all of botocore's models, which takes seconds at the first
request, and IAM would allow every request to a service that it does not know: a Lambda function
could invoke an endpoint without permission.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ministack import app
from ministack.core import iam_actions, router

from localcloud.cloud.aws_api import Response
from localcloud.services.sagemaker.account import Account

_SERVICE = "sagemaker"
_ROLE_PASSING = "iam:PassRole"
_PASSED = {"iam:PassedToService": "sagemaker.amazonaws.com"}
_ROLES = ("RoleArn", "ExecutionRoleArn")
_INVOCATION = re.compile(r"^/endpoints/([^/]+)/invocations")
# Suffix of the action, member that names the resource to authorise, kind of the resource.
_RESOURCES = (
    ("TrainingJob", "TrainingJobName", "training-job"),
    ("ProcessingJob", "ProcessingJobName", "processing-job"),
    ("TransformJob", "TransformJobName", "transform-job"),
    ("HyperParameterTuningJob", "HyperParameterTuningJobName", "hyper-parameter-tuning-job"),
    ("ModelPackageGroup", "ModelPackageGroupName", "model-package-group"),
    ("CreateModelPackage", "ModelPackageGroupName", "model-package-group"),
    ("EndpointConfig", "EndpointConfigName", "endpoint-config"),
    ("Endpoint", "EndpointName", "endpoint"),
    ("EndpointWeightsAndCapacities", "EndpointName", "endpoint"),
    ("Model", "ModelName", "model"),
)


def admit(account: Account) -> None:
    """Routes requests to SageMaker and authorises them like those to other services."""
    router.SERVICE_PATTERNS[_SERVICE] = {
        "target_prefixes": ["SageMaker."],
        "host_patterns": [r"api\.sagemaker\.", r"runtime\.sagemaker\."],
    }
    iam_actions.SERVICE_TO_IAM_NAMESPACE[_SERVICE] = _SERVICE
    iam_actions._BOTOCORE_SERVICE_MAP[_SERVICE] = ["sagemaker-runtime"]
    known = iam_actions.extract_resource_arn

    def extract(  # noqa: PLR0917 - ministack's signature
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
        region: str,
        account_id: str,
    ) -> str:
        if service == _SERVICE:
            return resource(account, path, headers, body)
        found: str = known(service, method, path, headers, body, query_params, region, account_id)
        return found

    iam_actions.extract_resource_arn = extract


def denial(
    account: Account, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
) -> Response | None:
    """Returns AWS's error for a caller that lacks a permission beyond the one for its action.

    A request that gives SageMaker a role needs iam:PassRole, and one that creates a resource with
    tags needs sagemaker:AddTags.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html and
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AddTags.html
    """
    for action, named in further_permissions(account, headers, body):
        denied: Response | None = app._enforce_data_plane(
            _SERVICE,
            action,
            headers,
            query_params,
            "",
            resource_arn=named,
            service_context=_PASSED if action == _ROLE_PASSING else None,
            named_resource=named,
        )
        if denied is not None:
            return denied
    return None


def further_permissions(
    account: Account, headers: Mapping[str, str], body: bytes
) -> list[tuple[str, str]]:
    """Returns action and resource of each permission that a request needs beyond its own."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return []
    if not isinstance(request, dict):
        return []
    places = [request, request.get("TrainingJobDefinition")]
    roles = [
        place[member]
        for place in places
        if isinstance(place, dict)
        for member in _ROLES
        if isinstance(place.get(member), str)
    ]
    needed = [(_ROLE_PASSING, role) for role in roles]
    if ".Create" in headers.get("x-amz-target", "") and request.get("Tags"):
        needed.append(("sagemaker:AddTags", resource(account, "/", headers, body)))
    return needed


def resource(account: Account, path: str, headers: Mapping[str, str], body: bytes) -> str:
    """Returns the ARN that a request is authorised for; ``*`` if the action has no resource."""
    invocation = _INVOCATION.match(path)
    if invocation:
        return account.arn("endpoint", unquote(invocation[1]))
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return "*"  # the request is refused as malformed later
    if not isinstance(request, dict):
        return "*"
    if isinstance(request.get("ResourceArn"), str):
        return str(request["ResourceArn"])
    if action == "BatchDescribeModelPackage":  # AWS checks each one; ours are of one group
        packages = request.get("ModelPackageArnList")
        return str(packages[0]) if isinstance(packages, list) and packages else "*"
    if action.endswith("ModelPackage") and action != "CreateModelPackage":
        return str(request.get("ModelPackageArn") or request.get("ModelPackageName", "*"))
    if action == "ListModelPackages" and "ModelPackageGroupName" in request:
        group = str(request["ModelPackageGroupName"]).rpartition("/")[2]
        return account.arn("model-package", f"{group}/*")
    for suffix, member, kind in _RESOURCES:
        if action.endswith(suffix) and isinstance(request.get(member), str):
            return account.arn(kind, request[member])
    return "*"
