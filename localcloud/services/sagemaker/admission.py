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

from ministack.core import iam_actions, router

from localcloud.services.sagemaker.account import Account

_SERVICE = "sagemaker"
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
