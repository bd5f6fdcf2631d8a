"""A local cloud with the containers of tests/containers, and common operations of its tests."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from localcloud.cloud.home import CloudConfig
from localcloud.cloud.launch import LocalCloud, running
from tests.support.waiting import until

CONTAINERS = Path(__file__).parents[2] / "containers"
IMAGE = "000000000000.dkr.ecr.eu-west-1.amazonaws.com/tiny:1"
BUCKET = "studio"


@contextmanager
def cloud_with_tiny_containers(
    home: Path | None = None, config: CloudConfig | None = None
) -> Iterator[LocalCloud]:
    """Starts a cloud with tests/containers and a short startup timeout of model servers."""
    settings = {"LAKECAST_CONTAINERS": str(CONTAINERS), "LAKECAST_STARTUP_TIMEOUT": "8"}
    kept = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        with running(config, home) as cloud:
            yield cloud
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def trust(principal: str) -> str:
    """Returns a trust policy for a service, or for a principal given by ARN."""
    kind = "AWS" if principal.startswith("arn:") else "Service"
    statement = {
        "Effect": "Allow",
        "Principal": {kind: principal},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(action: str | list[str], resource: str | list[str] = "*") -> str:
    """Returns a policy with one statement."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass
class Studio:
    """Clients, a bucket and a role, and short methods that create SageMaker resources."""

    cloud: LocalCloud

    def __post_init__(self) -> None:
        self.session = boto3.Session(
            aws_access_key_id=self.cloud.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.cloud.env["AWS_SECRET_ACCESS_KEY"],
            region_name=self.cloud.env["AWS_REGION"],
        )
        self.sagemaker = self.client("sagemaker")
        self.runtime = self.client("sagemaker-runtime", config=Config(retries={"max_attempts": 0}))
        self.s3 = self.client("s3")
        self.logs = self.client("logs")
        self.iam = self.client("iam")

    def client(self, service: str, **options: Any) -> Any:
        return self.session.client(service, endpoint_url=self.cloud.endpoint_url, **options)

    def prepare(self) -> Studio:
        """Creates the bucket, and the role with permissions for it."""
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        self.s3.put_object(Bucket=BUCKET, Key="data/train/a.json", Body=b'{"a": 1}')
        self.s3.put_object(Bucket=BUCKET, Key="data/train/deep/b.json", Body=b'{"b": 2}')
        self.role = self.new_role("sagemaker-tests", allow("s3:*"))
        return self

    def new_role(
        self, name: str, policy: str | None, trusted: str = "sagemaker.amazonaws.com"
    ) -> str:
        arn: str = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(trusted))[
            "Role"
        ]["Arn"]
        if policy:
            self.iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=policy)
        return arn

    # training
    def train(self, name: str, /, **changes: Any) -> str:
        """Starts a job; keyword arguments replace members of the request."""
        hyperparameters = changes.pop("hyperparameters", {})
        request = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": self.role,
            "HyperParameters": hyperparameters,
            "InputDataConfig": [channel("train", f"s3://{BUCKET}/data/train/")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **changes,
        }
        arn: str = self.sagemaker.create_training_job(**request)["TrainingJobArn"]
        return arn

    def job(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.sagemaker.describe_training_job(TrainingJobName=name)
        return described

    def finished(self, name: str) -> dict[str, Any]:
        """Returns the job when it has ended."""

        def ended() -> dict[str, Any] | None:
            job = self.job(name)
            return None if job["TrainingJobStatus"] in ("InProgress", "Stopping") else job

        job: dict[str, Any] = until(ended, f"the end of {name}")
        return job

    def trained(self, name: str, **changes: Any) -> dict[str, Any]:
        self.train(name, **changes)
        return self.finished(name)

    def log_lines(self, group: str, prefix: str) -> list[str]:
        streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)
        return [
            event["message"]
            for stream in streams["logStreams"]
            for event in self.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]

    # serving
    def model(self, name: str, **content: Any) -> str:
        """Creates a model whose archive contains the given content."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            data = json.dumps({"name": name, **content}).encode()
            member = tarfile.TarInfo("model.json")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        key = f"archives/{name}/model.tar.gz"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=archive.getvalue())
        self.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=self.role,
            PrimaryContainer={
                "Image": IMAGE,
                "ModelDataUrl": f"s3://{BUCKET}/{key}",
                "Environment": {"GREETING": "good day"},
            },
        )
        return name

    def config(self, name: str, **models: tuple[str, float] | str) -> str:
        """Creates a configuration with a variant per keyword: a model, or a model and weight."""
        variants = []
        for variant, model in models.items():
            model_name, weight = (model, 1.0) if isinstance(model, str) else model
            variants.append(
                {
                    "VariantName": variant,
                    "ModelName": model_name,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                    "InitialVariantWeight": weight,
                }
            )
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        return name

    def endpoint(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
        return described

    def settled(self, name: str) -> dict[str, Any]:
        """Returns the endpoint when no operation is in progress."""

        def rested() -> dict[str, Any] | None:
            endpoint = self.endpoint(name)
            return endpoint if endpoint["EndpointStatus"] in ("InService", "Failed") else None

        endpoint: dict[str, Any] = until(rested, f"the end of the change of {name}")
        return endpoint

    def deployed(self, name: str, config: str) -> dict[str, Any]:
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return self.settled(name)

    def updated(self, name: str, config: str, **options: Any) -> dict[str, Any]:
        self.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, **options)
        return self.settled(name)

    def deleted(self, *names: str) -> None:
        """Deletes endpoints and waits until they are gone."""
        for name in names:
            self.sagemaker.delete_endpoint(EndpointName=name)
        for name in names:
            until(lambda name=name: not self._listed(name), f"the deletion of {name}")

    def _listed(self, name: str) -> bool:
        listed = self.sagemaker.list_endpoints(NameContains=name)["Endpoints"]
        return any(one["EndpointName"] == name for one in listed)

    def ask(self, name: str, variant: str | None = None, /, **body: Any) -> dict[str, Any]:
        """Returns the container's response, with the variant that sent it."""
        target = {"TargetVariant": variant} if variant else {}
        answer = self.runtime.invoke_endpoint(
            EndpointName=name, Body=json.dumps(body), ContentType="application/json", **target
        )
        parsed: dict[str, Any] = json.loads(answer["Body"].read())
        return {"variant": answer["InvokedProductionVariant"], **parsed}


def channel(name: str, uri: str, kind: str = "S3Prefix") -> dict[str, Any]:
    """Returns an input channel."""
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}
