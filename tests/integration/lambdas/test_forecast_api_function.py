"""Tests the forecast API's function in its deployed package, with a role of least privilege.

The test starts its own cloud, because its SageMaker needs a container that is written here: a
small server that forecasts the last value (of the area, if known) and, like DeepAR, refuses the
series of a device that it was not trained with.
"""

from __future__ import annotations

import io
import json
import tarfile
import textwrap
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import boto3
import pytest

from contracts.models.forecast_input import RecentHistory
from contracts.names import Names
from infra.modules.api import function_code
from localcloud.cloud.launch import running
from tests.support.api.contract import assert_fits
from tests.support.sessions import session_of

OPERATIONS = {
    ("GET", "/v1/devices"): "listDevices",
    ("GET", "/v1/devices/{device_id}/forecast"): "getForecast",
    ("POST", "/v1/forecasts"): "createForecasts",
    ("GET", "/v1/health"): "getHealth",
}
SERVE = """
    import json, os
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Container(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(200, b"")

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            instances = request["instances"]
            if any(one["cat"][0] > 1 for one in instances):
                return self.answer(400, b"cat[0] was not seen in training")
            requested = request["configuration"]["quantiles"]
            shown = [one["related"]["area"] or one["target"] for one in instances]
            last = [[v for v in values if v != "NaN"][-1] for values in shown]
            predictions = [
                {"mean": [v] * 24, "quantiles": {q: [v * 2 * float(q)] * 24 for q in requested}}
                for v in last
            ]
            self.answer(200, json.dumps({"predictions": predictions}).encode())

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Container).serve_forever()
"""


class Estate:
    """The function and the resources that it uses: buckets, a table, an endpoint, a role."""

    def __init__(self, session: boto3.Session) -> None:
        self.session = session
        self.names = Names.from_aws(session, "local")
        self.function = self.names.api
        s3 = session.client("s3")
        place = {"LocationConstraint": self.names.region}
        for purpose in ("curated", "models"):
            s3.create_bucket(Bucket=self.names.bucket(purpose), CreateBucketConfiguration=place)
        for device, index in (("station-1", 0), ("station-2", 1), ("new-station", 2)):
            history = RecentHistory(
                device,
                "2017-02-01 00:00:00",
                {"ozone": [1.0, None, 3.0], "sulfur_dioxide": [None, None, None]},
                {"ozone": [index, 0], "sulfur_dioxide": [index, 3]},
                {"ozone": [10.0, None, 30.0]} if device == "station-2" else {},
            )
            s3.put_object(
                Bucket=self.names.bucket("curated"),
                Key=f"recent/{device}.json",
                Body=history.to_json().encode(),
            )
        s3.put_object(Bucket=self.names.bucket("curated"), Key="recent/_SUCCESS", Body=b"")
        s3.put_object(Bucket=self.names.bucket("models"), Key="m/model.tar.gz", Body=_empty_tar())
        session.client("dynamodb").create_table(
            TableName=self.names.interactions_table,
            KeySchema=[
                {"AttributeName": "device_id", "KeyType": "HASH"},
                {"AttributeName": "asked_at", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "device_id", "AttributeType": "S"},
                {"AttributeName": "asked_at", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        self._create_function(self._create_role("forecast-api", "lambda", self._policy()))

    def _policy(self) -> list[dict[str, Any]]:
        """Return the permissions that the docstring of ``forecast_api.handler`` lists."""
        curated = f"arn:aws:s3:::{self.names.bucket('curated')}"
        scope = f"{self.names.region}:{self.names.account_id}"
        return [
            _allow("s3:GetObject", f"{curated}/recent/*"),
            _allow("s3:ListBucket", curated)
            | {"Condition": {"StringLike": {"s3:prefix": "recent/*"}}},
            _allow(
                ["sagemaker:InvokeEndpoint", "sagemaker:DescribeEndpoint"],
                f"arn:aws:sagemaker:{scope}:endpoint/{self.names.endpoint}",
            ),
            _allow(
                "dynamodb:BatchWriteItem",
                f"arn:aws:dynamodb:{scope}:table/{self.names.interactions_table}",
            ),
        ]

    def _create_role(self, part: str, service: str, statements: list[dict[str, Any]]) -> str:
        iam = self.session.client("iam")
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        name = self.names.part(part)
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document([trust]))
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=_document(statements))
        return str(role["Role"]["Arn"])

    def _create_function(self, role: str) -> None:
        variables = {
            "LAKECAST_ENV": "local",
            "ENDPOINT_NAME": self.names.endpoint,
            "CURATED_BUCKET": self.names.bucket("curated"),
            "INTERACTIONS_TABLE": self.names.interactions_table,
            "INTERACTION_RETENTION_DAYS": "30",
        }
        client = self.session.client("lambda")
        client.create_function(
            FunctionName=self.function,
            Runtime="python3.11",
            Role=role,
            Handler="forecast_api.handler.handler",
            Code={"ZipFile": function_code.forecast_api()},
            Environment={"Variables": variables},
            Timeout=29,
            MemorySize=512,
        )
        client.get_waiter("function_active_v2").wait(FunctionName=self.function)

    def create_endpoint(self) -> None:
        """Create the endpoint with the container of this test."""
        models = f"arn:aws:s3:::{self.names.bucket('models')}"
        role = self._create_role(
            "sagemaker", "sagemaker", [_allow("s3:*", [models, f"{models}/*"])]
        )
        scope = f"{self.names.account_id}.dkr.ecr.{self.names.region}.amazonaws.com"
        sagemaker = self.session.client("sagemaker")
        sagemaker.create_model(
            ModelName="last-value",
            ExecutionRoleArn=role,
            PrimaryContainer={
                "Image": f"{scope}/last-value:1",
                "ModelDataUrl": f"s3://{self.names.bucket('models')}/m/model.tar.gz",
            },
        )
        variant = {
            "VariantName": "champion",
            "ModelName": "last-value",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        sagemaker.create_endpoint_config(
            EndpointConfigName="last-value", ProductionVariants=[variant]
        )
        sagemaker.create_endpoint(EndpointName=self.names.endpoint, EndpointConfigName="last-value")
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=self.names.endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )

    def ask(
        self,
        method: str,
        resource: str,
        query: dict[str, str] | None = None,
        *,
        body: Any = None,
        **path: str,
    ) -> tuple[int, dict[str, Any]]:
        """Return status and body of the function's response, which must fit the contract."""
        event = {
            "httpMethod": method,
            "resource": resource,
            "path": resource.format(**path),
            "pathParameters": path or None,
            "multiValueQueryStringParameters": {k: [v] for k, v in (query or {}).items()} or None,
            "requestContext": {},
            "body": None if body is None else json.dumps(body),
        }
        invoked = self.session.client("lambda").invoke(
            FunctionName=self.function, Payload=json.dumps(event)
        )
        payload = json.loads(invoked["Payload"].read())
        assert "FunctionError" not in invoked, payload
        document = assert_fits(
            OPERATIONS[method, resource],
            payload["statusCode"],
            payload["headers"],
            payload["body"],
        )
        return payload["statusCode"], document

    def forecast(self, device_id: str, **query: str) -> tuple[int, dict[str, Any]]:
        query.setdefault("pollutant", "ozone")
        return self.ask("GET", "/v1/devices/{device_id}/forecast", query, device_id=device_id)

    def interactions(self, device_id: str) -> list[dict[str, Any]]:
        """Return the recorded interactions, in the order of the requests."""
        return list(
            self.session.client("dynamodb").query(
                TableName=self.names.interactions_table,
                KeyConditionExpression="device_id = :device",
                ExpressionAttributeValues={":device": {"S": device_id}},
            )["Items"]
        )


def _allow(action: str | list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def _document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _empty_tar() -> bytes:
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w:gz").close()
    return buffer.getvalue()


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    containers = tmp_path_factory.mktemp("containers")
    script = containers / "last-value" / "serve"
    script.parent.mkdir()
    script.write_text(textwrap.dedent(SERVE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKECAST_CONTAINERS", str(containers))
        # The function must import from its package, not from this process's path.
        patch.delenv("PYTHONPATH", raising=False)
        with running(home=tmp_path_factory.mktemp("forecast-api-cloud")) as cloud:
            yield Estate(session_of(cloud))


@pytest.fixture(scope="module")
def serving(estate: Estate) -> Estate:
    estate.create_endpoint()
    return estate


def test_without_an_endpoint_health_and_forecasts_are_503(estate: Estate) -> None:
    status, problem = estate.ask("GET", "/v1/health")
    assert (status, problem["type"]) == (503, "urn:lakecast:problem:unavailable")
    status, problem = estate.forecast("station-1")
    assert (status, problem["type"]) == (503, "urn:lakecast:problem:unavailable")
    assert "deploy" in problem["detail"]


def test_with_an_endpoint_it_is_healthy(serving: Estate) -> None:
    status, health = serving.ask("GET", "/v1/health")
    assert (status, health["endpoint_status"]) == (200, "InService")


def test_a_forecast_uses_history_and_endpoint_and_is_recorded(serving: Estate) -> None:
    status, forecast = serving.forecast("station-2", horizon="2", quantiles="0.1,0.5")
    assert status == 200, forecast
    assert forecast["origin"] == "2017-02-01T03:00:00Z"
    assert forecast["mean"] == [30.0, 30.0], "the model got the area"
    assert forecast["quantiles"]["0.1"] == pytest.approx([6.0, 6.0])
    assert forecast["model"] == {"endpoint": serving.names.endpoint, "variant": "champion"}
    [record] = serving.interactions("station-2")
    assert record["request_id"]["S"] == forecast["request_id"]
    assert record["status"]["N"] == "200"
    assert record["variant"]["S"] == "champion"
    assert [value["N"] for value in record["mean"]["L"]] == ["30", "30"]
    days = (int(record["expires_at"]["N"]) - _seconds(record["asked_at"]["S"])) / 86400
    assert days == pytest.approx(30, abs=0.001)


def test_a_past_origin_hides_later_values_of_the_area(serving: Estate) -> None:
    status, forecast = serving.forecast("station-2", origin="2017-02-01T02:00:00Z")
    assert (status, forecast["mean"][0]) == (200, 10.0), forecast


def test_an_unknown_device_is_404_though_the_role_may_list_only_one_prefix(
    serving: Estate,
) -> None:
    status, problem = serving.forecast("nobody")
    assert (status, problem["type"]) == (404, "urn:lakecast:problem:unknown-device")


def test_a_pollutant_that_was_never_measured_is_404(serving: Estate) -> None:
    status, problem = serving.forecast("station-1", pollutant="sulfur_dioxide")
    assert (status, problem["type"]) == (404, "urn:lakecast:problem:no-history")


def test_a_device_that_the_model_was_not_trained_with_is_409(serving: Estate) -> None:
    status, problem = serving.forecast("new-station")
    assert (status, problem["type"]) == (409, "urn:lakecast:problem:model-does-not-fit")
    assert "not seen in training" in problem["detail"]


def test_a_bad_request_is_400_and_leaves_no_record(serving: Estate) -> None:
    before = len(serving.interactions("station-1"))
    status, problem = serving.forecast("station-1", quantiles="0.95", horizon="0")
    assert status == 400
    assert [error["at"] for error in problem["errors"]] == ["horizon", "quantiles"]
    assert len(serving.interactions("station-1")) == before


def test_a_full_batch_is_answered_and_recorded(serving: Estate) -> None:
    before = len(serving.interactions("station-1"))
    devices = ["station-1"] * 48 + ["new-station", "unknown"]  # the model refuses the new one
    requests = [{"device_id": one, "pollutant": "ozone", "horizon": 1} for one in devices]
    status, answer = serving.ask("POST", "/v1/forecasts", body={"requests": requests})
    assert status == 200
    assert [list(one) for one in answer["forecasts"]] == [["forecast"]] * 48 + [["problem"]] * 2
    assert [one["problem"]["status"] for one in answer["forecasts"][48:]] == [409, 404]
    assert len(serving.interactions("station-1")) == before + 48


def test_devices_are_listed_in_pages_without_marker_objects(serving: Estate) -> None:
    _, first = serving.ask("GET", "/v1/devices", {"limit": "2"})
    assert [one["device_id"] for one in first["devices"]] == ["new-station", "station-1"]
    _, rest = serving.ask("GET", "/v1/devices", {"limit": "2", "after": first["next_after"]})
    assert [one["device_id"] for one in rest["devices"]] == ["station-2"]
    assert "next_after" not in rest


def _seconds(asked_at: str) -> float:
    return datetime.fromisoformat(asked_at.partition("#")[0]).timestamp()
