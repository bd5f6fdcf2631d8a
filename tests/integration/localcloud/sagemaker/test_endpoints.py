"""Tests of endpoints in the local cloud: variants, invocations, successful and failed updates."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.models.sagemaker_testbed import (
    BUCKET,
    IMAGE,
    Studio,
    allow,
    cloud_with_tiny_containers,
)
from tests.support.processes import assert_ended
from tests.support.waiting import until

ACCOUNT = "000000000000"


@pytest.fixture(scope="module")
def models(studio: Studio) -> None:
    """Models ``old`` and ``new``, which serve, and ``dead`` and ``deaf``, which never do."""
    studio.model("old")
    studio.model("new")
    studio.model("dead", serve="die")
    studio.model("deaf", serve="deaf")


@pytest.fixture(scope="module")
def endpoint(studio: Studio, models: None) -> str:
    """An endpoint with two variants, which no test changes."""
    studio.config("shared", champion=("old", 0.75), challenger=("new", 0.25))
    assert studio.deployed("shared", "shared")["EndpointStatus"] == "InService"
    return "shared"


@pytest.fixture
def changing(studio: Studio, models: None, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of an endpoint that the test creates and changes."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower())[-50:].strip("-")
    yield name
    studio.settled(name)
    studio.deleted(name)


def weights(description: dict) -> dict[str, float]:
    return {one["VariantName"]: one["CurrentWeight"] for one in description["ProductionVariants"]}


# --- invocations ---


def test_container_serves_with_the_environment_of_its_model(studio: Studio, endpoint: str) -> None:
    answer = studio.ask(endpoint)
    assert (answer["greeting"], answer["threads"]) == ("good day", "1")


def test_traffic_is_split_by_weight(studio: Studio, endpoint: str) -> None:
    counts = Counter(studio.ask(endpoint)["model"] for _ in range(200))
    assert set(counts) == {"old", "new"}
    assert 0.6 < counts["old"] / 200 < 0.9  # five standard deviations around 0.75


def test_target_variant_gets_the_request(studio: Studio, endpoint: str) -> None:
    for _ in range(5):
        answer = studio.ask(endpoint, "challenger")
        assert (answer["variant"], answer["model"]) == ("challenger", "new")


def test_headers_are_forwarded_to_the_container_and_back(studio: Studio, endpoint: str) -> None:
    answer = studio.runtime.invoke_endpoint(
        EndpointName=endpoint,
        Body=b"{}",
        ContentType="application/jsonlines",
        Accept="text/csv",
        CustomAttributes="trace=1",
    )
    seen = json.loads(answer["Body"].read())
    assert seen["content_type"] == "application/jsonlines"
    assert (seen["accept"], seen["custom"]) == ("text/csv", "trace=1")
    assert answer["CustomAttributes"] == "served=tiny"
    assert answer["ContentType"] == "application/json"


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (500, "server")])
def test_containers_error_is_a_model_error(
    studio: Studio, endpoint: str, status: int, side: str
) -> None:
    with pytest.raises(studio.runtime.exceptions.ModelError) as error:
        studio.ask(endpoint, status=status)
    response = error.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == status
    assert json.loads(response["OriginalMessage"]) == {"status": status}
    expected = f"Received {side} error ({status}) from primary with message"
    assert response["Error"]["Message"].startswith(expected)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"EndpointName": "nowhere"}, f"Endpoint nowhere of account {ACCOUNT} not found."),
        ({"TargetVariant": "third"}, "Variant third is not a production variant"),
        ({"TargetModel": "a.tar.gz"}, "does not support TargetModel"),
    ],
)
def test_invocation_of_an_unknown_target_is_refused(
    studio: Studio, endpoint: str, arguments: dict, reason: str
) -> None:
    request = {"EndpointName": endpoint, "Body": b"{}", **arguments}
    with pytest.raises(ClientError, match=reason) as error:
        studio.runtime.invoke_endpoint(**request)
    assert error.value.response["Error"]["Code"] == "ValidationError"


def test_container_that_exits_is_restarted(studio: Studio, endpoint: str) -> None:
    before = studio.ask(endpoint, "champion")["pid"]
    with pytest.raises(studio.runtime.exceptions.ModelError, match=r"server error \(0\)"):
        studio.ask(endpoint, "champion", exit=3)

    def served_again() -> int | None:
        try:
            return studio.ask(endpoint, "champion")["pid"]
        except studio.runtime.exceptions.ServiceUnavailable:
            assert studio.endpoint(endpoint)["EndpointStatus"] == "InService"
            return None
        except studio.runtime.exceptions.ModelError:
            return None  # its exit has not been noticed yet

    assert until(served_again, "the second start") != before
    assert studio.ask(endpoint, "challenger")["model"] == "new"


def test_output_and_metrics_of_variants_reach_cloudwatch(studio: Studio, endpoint: str) -> None:
    studio.ask(endpoint, "challenger")
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    until(
        lambda: "tiny: serving new (fine)" in studio.log_lines(group, "challenger/"), "the log line"
    )
    cloudwatch = studio.client("cloudwatch")
    dimensions = [
        {"Name": "EndpointName", "Value": endpoint},
        {"Name": "VariantName", "Value": "challenger"},
    ]

    def metrics() -> set[str]:
        found = cloudwatch.list_metrics(Namespace="AWS/SageMaker", Dimensions=dimensions)
        return {metric["MetricName"] for metric in found["Metrics"]}

    expected = {"Invocations", "ModelLatency", "Invocation4XXErrors", "Invocation5XXErrors"}
    until(lambda: expected <= metrics(), "the metrics")


def test_role_invokes_only_the_endpoint_that_its_policy_allows(
    studio: Studio, endpoint: str
) -> None:
    arn = studio.endpoint(endpoint)["EndpointArn"]

    def client_allowed(name: str, resource: str):
        policy = allow("sagemaker:InvokeEndpoint", resource)
        role = studio.new_role(name, policy, f"arn:aws:iam::{ACCOUNT}:root")
        credentials = studio.client("sts").assume_role(RoleArn=role, RoleSessionName="test")
        keys = credentials["Credentials"]
        return boto3.client(
            "sagemaker-runtime",
            endpoint_url=studio.cloud.endpoint_url,
            region_name="eu-west-1",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            config=Config(retries={"max_attempts": 0}),
        )

    client_allowed("invoker", arn).invoke_endpoint(EndpointName=endpoint, Body=b"{}")
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:InvokeEndpoint"):
        client_allowed("other-invoker", f"{arn}-2").invoke_endpoint(
            EndpointName=endpoint, Body=b"{}"
        )


# --- updates ---


def test_update_replaces_variants_without_a_failed_request(studio: Studio, changing: str) -> None:
    studio.config(f"{changing}-1", all=("old", 1))
    studio.config(f"{changing}-2", all=("new", 1))
    studio.deployed(changing, f"{changing}-1")
    served: list[str] = []
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            served.append(studio.ask(changing)["model"])

    asking = threading.Thread(target=keep_asking)
    asking.start()
    description = studio.updated(changing, f"{changing}-2")
    until(lambda: served[-1] == "new", "the new model")
    done.set()
    asking.join()
    assert description["EndpointConfigName"] == f"{changing}-2"
    assert "FailureReason" not in description
    assert served == sorted(served, reverse=True)  # all of old before all of new


@pytest.mark.parametrize(("model", "log"), [("dead", "no model that can be served"), ("deaf", "")])
def test_old_variants_serve_after_a_failed_update(
    studio: Studio, changing: str, model: str, log: str
) -> None:
    name = f"fails-{model}"
    studio.config(f"{name}-1", all=("old", 1))
    studio.sagemaker.create_endpoint_config(
        EndpointConfigName=f"{name}-2",
        ProductionVariants=[
            {
                "VariantName": "all",
                "ModelName": model,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
    )
    studio.deployed(changing, f"{name}-1")
    studio.sagemaker.update_endpoint(EndpointName=changing, EndpointConfigName=f"{name}-2")
    description = studio.endpoint(changing)
    assert description["EndpointStatus"] == "Updating"
    assert description["PendingDeploymentSummary"]["EndpointConfigName"] == f"{name}-2"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        studio.sagemaker.update_endpoint(EndpointName=changing, EndpointConfigName=f"{name}-1")
    assert studio.ask(changing)["model"] == "old"
    description = studio.settled(changing)
    assert description["EndpointStatus"] == "InService"
    assert description["EndpointConfigName"] == f"{name}-1"
    assert "did not pass the ping health check" in description["FailureReason"]
    assert log in description["FailureReason"]
    assert studio.ask(changing)["model"] == "old"


def test_weights_and_capacities_change_in_service(studio: Studio, changing: str) -> None:
    studio.config(changing, a=("old", 1.0), b=("new", 0.0))
    studio.deployed(changing, changing)
    studio.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=changing,
        DesiredWeightsAndCapacities=[
            {"VariantName": "a", "DesiredWeight": 0.0},
            {"VariantName": "b", "DesiredWeight": 1.0, "DesiredInstanceCount": 2},
        ],
    )
    description = studio.settled(changing)
    assert weights(description) == {"a": 0.0, "b": 1.0}
    counts = {
        v["VariantName"]: v["CurrentInstanceCount"] for v in description["ProductionVariants"]
    }
    assert counts == {"a": 1, "b": 2}
    assert len({studio.ask(changing)["pid"] for _ in range(10)}) == 2


def test_update_retains_weights_on_request(studio: Studio, changing: str) -> None:
    studio.config(f"{changing}-1", a=("old", 1.0), b=("new", 1.0))
    studio.config(f"{changing}-2", a=("old", 1.0), b=("new", 1.0), c=("new", 0.5))
    studio.deployed(changing, f"{changing}-1")
    studio.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=changing,
        DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredWeight": 9.0}],
    )
    studio.settled(changing)
    description = studio.updated(changing, f"{changing}-2", RetainAllVariantProperties=True)
    assert weights(description) == {"a": 9.0, "b": 1.0, "c": 0.5}
    description = studio.updated(
        changing,
        f"{changing}-1",
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    assert weights(description) == {"a": 1.0, "b": 1.0}


# --- failures of creation ---


def test_endpoint_that_never_becomes_healthy_fails_and_cannot_be_updated(
    studio: Studio, changing: str
) -> None:
    studio.config(changing, all=("dead", 1))
    description = studio.deployed(changing, changing)
    assert description["EndpointStatus"] == "Failed"
    assert description["FailureReason"].startswith(
        "The primary container for production variant all did not pass the ping health check."
    )
    assert "tiny: no model that can be served" in description["FailureReason"]
    with pytest.raises(ClientError, match="delete it and create it again"):
        studio.sagemaker.update_endpoint(EndpointName=changing, EndpointConfigName=changing)


def test_invalid_archive_fails_the_endpoint(studio: Studio, changing: str) -> None:
    studio.s3.put_object(Bucket=BUCKET, Key="archives/no.tar.gz", Body=b"not an archive")
    studio.sagemaker.create_model(
        ModelName="broken",
        ExecutionRoleArn=studio.role,
        PrimaryContainer={
            "Image": IMAGE,
            "ModelDataUrl": f"s3://{BUCKET}/archives/no.tar.gz",
        },
    )
    studio.config(changing, all=("broken", 1))
    reason = studio.deployed(changing, changing)["FailureReason"]
    assert "Failed to extract model data archive" in reason


def test_unknown_names_are_refused(studio: Studio, endpoint: str) -> None:
    client = studio.sagemaker
    for call, arguments, reason in (
        (client.describe_endpoint, {"EndpointName": "no"}, 'Could not find endpoint "arn:'),
        (client.delete_endpoint, {"EndpointName": "no"}, 'Could not find endpoint "arn:'),
        (client.describe_model, {"ModelName": "no"}, 'Could not find model "arn:'),
        (
            client.create_endpoint,
            {"EndpointName": "x", "EndpointConfigName": "no"},
            'Could not find endpoint configuration "arn:',
        ),
        (
            client.update_endpoint,
            {"EndpointName": endpoint, "EndpointConfigName": "no"},
            'Could not find endpoint configuration "arn:',
        ),
    ):
        with pytest.raises(ClientError, match=reason) as error:
            call(**arguments)
        assert error.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError, match='Could not find model "arn:'):
        studio.config("of-nothing", all="nothing")


def test_existing_names_are_refused(studio: Studio, endpoint: str) -> None:
    for make, reason in (
        (lambda: studio.model("old"), "Cannot create already existing model"),
        (lambda: studio.config("shared", a="old"), "already existing endpoint configuration"),
        (lambda: studio.deployed("shared", "shared"), 'already existing endpoint "arn:'),
    ):
        with pytest.raises(ClientError, match=reason):
            make()


def test_model_data_must_exist(studio: Studio) -> None:
    with pytest.raises(ClientError, match="Could not find model data at"):
        studio.sagemaker.create_model(
            ModelName="without-data",
            ExecutionRoleArn=studio.role,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/none.tar.gz"},
        )


def test_instance_quota_is_enforced(studio: Studio, models: None) -> None:
    studio.sagemaker.create_endpoint_config(
        EndpointConfigName="many",
        ProductionVariants=[
            {
                "VariantName": "all",
                "ModelName": "old",
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 50,
            }
        ],
    )
    with pytest.raises(
        studio.sagemaker.exceptions.ResourceLimitExceeded,
        match="for endpoint usage' is 8 Instances",
    ):
        studio.sagemaker.create_endpoint(EndpointName="many", EndpointConfigName="many")


def test_unsupported_traffic_shifting_is_refused(studio: Studio, endpoint: str) -> None:
    policy = {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 60,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
        }
    }
    with pytest.raises(
        ClientError, match=r"TrafficRoutingConfiguration\.Type CANARY \(only ALL_AT_ONCE\)"
    ):
        studio.sagemaker.update_endpoint(
            EndpointName=endpoint,
            EndpointConfigName="shared",
            DeploymentConfig={"BlueGreenUpdatePolicy": policy},
        )


# --- stop of the cloud ---


def test_endpoint_serves_again_after_a_restart_of_the_cloud(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with cloud_with_tiny_containers(home) as cloud:
        studio = Studio(cloud).prepare()
        studio.model("kept")
        studio.config("kept", all=("kept", 1))
        studio.deployed("kept", "kept")
        pid = studio.ask("kept")["pid"]
    assert_ended([pid])
    with cloud_with_tiny_containers(home) as cloud:
        studio = Studio(cloud)
        assert studio.endpoint("kept")["EndpointStatus"] in ("SystemUpdating", "InService")
        assert studio.settled("kept")["EndpointStatus"] == "InService"
        assert studio.ask("kept")["model"] == "kept"
        again = studio.ask("kept")["pid"]
        os.kill(cloud.pid, signal.SIGKILL)
        assert_ended([again])
