"""The local cloud's SageMaker in the process of the test, without a cloud around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import iam

from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.context import CloudContext
from localcloud.cloud.store import Store
from localcloud.services.sagemaker.account import Account
from localcloud.services.sagemaker.options import Settings
from localcloud.services.sagemaker.service import SageMaker

ACCOUNT, REGION = "000000000000", "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/jobs"


class Service:
    """The service without a cloud around it; its jobs wait for a slot and never run."""

    def __init__(self, home: Path) -> None:
        context = CloudContext(
            home=home,
            endpoint_url="http://127.0.0.1:1",
            region=REGION,
            account_id=ACCOUNT,
            project=home,
            python=Path(),
            environment={},
        )
        settings = Settings(
            containers=(),
            concurrent_training_jobs=0,
            concurrent_processing_jobs=0,
            concurrent_transform_jobs=0,
            concurrent_tuning_jobs=0,
        )
        self._served = SageMaker(Account(context), settings)

    def call(self, operation: str, request: object) -> dict[str, Any]:
        """Returns the response; raises `AwsError` as the service sends it."""
        headers = {"x-amz-target": f"SageMaker.{operation}"}
        body = json.dumps(request).encode()
        with request_scope(ACCOUNT, REGION):
            handler = self._served.handlers["sagemaker"]
            status, _, text = asyncio.run(handler("POST", "/", headers, body, {}))
        answer: dict[str, Any] = json.loads(text)
        if status != 200:
            raise AwsError(answer["__type"], answer["message"], status)
        return answer

    @property
    def store(self) -> Store:
        return self._served._store

    def serves(self, operation: str) -> bool:
        return self._served._control._operation(operation) is not None


@contextmanager
def service_without_a_cloud(home: Path) -> Iterator[Service]:
    """Makes a service with a model, a model package group and a role that it can assume."""
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}}
    document = {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
    with request_scope(ACCOUNT, REGION):
        role = {"RoleName": "jobs", "Arn": ROLE, "AssumeRolePolicyDocument": json.dumps(document)}
        iam._roles["jobs"] = role
        served = Service(home)
        served.call(
            "CreateModel",
            {
                "ModelName": "model",
                "ExecutionRoleArn": ROLE,
                "PrimaryContainer": {"Image": "image:1"},
            },
        )
        served.call("CreateModelPackageGroup", {"ModelPackageGroupName": "group"})
        yield served
        del iam._roles["jobs"]
