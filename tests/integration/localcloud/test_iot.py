"""Tests of the MQTT broker: authentication, authorisation and delivery of messages."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import paho.mqtt.client as paho
import pytest
from awscrt import mqtt5
from awsiot import mqtt5_client_builder
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.properties import Properties

from localcloud.cloud.launch import LocalCloud
from tests.support import telemetry_estate as estate

BUCKET = "iot-raw"
READING = {"device_id": "sensor-1", "ozone": 41.5, "timestamp": "2026-01-01T00:00:00Z"}
NOT_AUTHORIZED = 0x87
WAIT = 20.0


@pytest.fixture(scope="module")
def sensor(aws: boto3.Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[estate.Device]:
    estate.bucket(aws, BUCKET)
    estate.stream(aws, "iot-telemetry", BUCKET)
    estate.rule(aws, "iot_telemetry", "iot-telemetry", BUCKET)
    aws.client("iot").create_policy(
        policyName="iot-device", policyDocument=json.dumps(estate.DEVICE_POLICY)
    )
    folder = tmp_path_factory.mktemp("kit")
    yield estate.device(aws, "sensor-1", folder, "iot-device")
    aws.client("iot").delete_topic_rule(ruleName="iot_telemetry")


@dataclass
class Session:
    """An MQTT 5 session of paho and the broker's responses."""

    client: paho.Client
    connected: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    connack: int | None = None
    pubacks: dict[int, int] = field(default_factory=dict)

    def publish(self, topic: str, payload: bytes) -> int:
        """Publishes a message and returns the reason code of the broker's PUBACK."""
        acknowledged = threading.Event()

        def on_publish(_client, _user, mid, reason, _properties):
            self.pubacks[mid] = reason.value
            acknowledged.set()

        self.client.on_publish = on_publish
        sent = self.client.publish(topic, payload, qos=1)
        assert acknowledged.wait(WAIT), "no PUBACK received"
        return self.pubacks[sent.mid]


def connect(
    cloud: LocalCloud, client_id: str, certificate: Path | None, key: Path | None
) -> Session:
    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5
    )
    client.tls_set(
        ca_certs=cloud.env["LAKECAST_MQTT_CA_FILE"],
        certfile=str(certificate) if certificate else None,
        keyfile=str(key) if key else None,
    )
    session = Session(client)

    def on_connect(_client, _user, _flags, reason, _properties: Properties | None):
        session.connack = reason.value
        (session.connected if reason.value == 0 else session.ended).set()

    client.on_connect = on_connect
    client.on_disconnect = lambda *_: session.ended.set()
    client.reconnect_delay_set(min_delay=60)
    try:
        client.connect(
            cloud.env["LAKECAST_MQTT_HOST"], int(cloud.env["LAKECAST_MQTT_PORT"]), keepalive=30
        )
    except (ssl.SSLError, OSError):
        session.ended.set()
        return session
    client.loop_start()
    return session


@pytest.fixture
def session(cloud: LocalCloud, sensor: estate.Device) -> Iterator[Session]:
    opened = connect(cloud, sensor.name, sensor.certificate, sensor.key)
    assert opened.connected.wait(WAIT)
    yield opened
    opened.client.disconnect()
    opened.client.loop_stop()


def refused(opened: Session) -> bool:
    """Whether a connection ended without being accepted."""
    assert opened.ended.wait(WAIT), "the connection neither succeeded nor ended"
    opened.client.loop_stop()
    return not opened.connected.is_set()


def self_signed_certificate(folder: Path, common_name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "self-signed.crt", folder / "self-signed.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


def test_a_reading_is_delivered_to_the_lake_with_its_thing_and_time(
    aws: boto3.Session, session: Session
) -> None:
    mark = str(uuid.uuid4())
    before = datetime.now(UTC).timestamp() * 1000
    assert (
        session.publish("telemetry/sensor-1", json.dumps({**READING, "mark": mark}).encode()) == 0
    )
    landed = _landed(aws, mark)
    assert landed["thing_name"] == "sensor-1"
    assert landed["ozone"] == 41.5
    assert before - 1 <= landed["received_at"] <= before + 60_000


def test_awsiotsdk_publishes_over_mqtt_5(
    aws: boto3.Session, cloud: LocalCloud, sensor: estate.Device
) -> None:
    connected = threading.Event()
    client = mqtt5_client_builder.mtls_from_path(
        cert_filepath=str(sensor.certificate),
        pri_key_filepath=str(sensor.key),
        ca_filepath=cloud.env["LAKECAST_MQTT_CA_FILE"],
        endpoint=cloud.env["LAKECAST_MQTT_HOST"],
        port=int(cloud.env["LAKECAST_MQTT_PORT"]),
        client_id=sensor.name,
        on_lifecycle_connection_success=lambda _: connected.set(),
    )
    mark = str(uuid.uuid4())
    client.start()
    try:
        assert connected.wait(WAIT)
        packet = mqtt5.PublishPacket(
            topic="telemetry/sensor-1",
            payload=json.dumps({**READING, "mark": mark}),
            qos=mqtt5.QoS.AT_LEAST_ONCE,
        )
        answer = client.publish(packet).result(WAIT)
        assert answer.puback.reason_code == mqtt5.PubackReasonCode.SUCCESS
    finally:
        client.stop()
    assert _landed(aws, mark)["thing_name"] == "sensor-1"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"ozone is high today", "got no JSON"),
        (b"\xff\xfe\x00", "got no JSON"),
        (b"[1, 2]", "got list"),
        (b"", "got no JSON"),
        (b'\xef\xbb\xbf{"ozone": 61.5}', "byte order mark"),
        ('{"ozone": 61.5}'.encode("utf-16"), "expected JSON in UTF-8"),
        (b'{"ozone": 1e400}', "range of a double"),
        (b'{"ozone": NaN}', "JSON, which has no NaN"),
        (b"[" * 60_000 + b"]" * 60_000, "nested arrays and objects"),
    ],
)
def test_a_payload_that_is_not_a_json_object_goes_to_the_error_action_unchanged(
    aws: boto3.Session, session: Session, payload: bytes, reason: str
) -> None:
    known = set(estate.objects(aws, BUCKET, "errors/rule/"))
    mark = str(uuid.uuid4())
    assert session.publish("telemetry/sensor-1", payload) == 0
    assert session.publish("telemetry/sensor-1", json.dumps({"mark": mark}).encode()) == 0
    _landed(aws, mark)  # other messages are delivered
    new = {
        key: body
        for key, body in estate.objects(aws, BUCKET, "errors/rule/").items()
        if key not in known
    }
    assert len(new) == 1
    ((key, body),) = new.items()
    assert key.startswith(f"errors/rule/{datetime.now(UTC):%Y/%m/%d}/")
    document = json.loads(body)
    assert base64.b64decode(document["base64OriginalPayload"]) == payload
    assert document["ruleName"] == "iot_telemetry"
    assert document["topic"] == "telemetry/sensor-1"
    assert document["failures"][0]["failedAction"] == "FirehoseAction"
    assert document["failures"][0]["failedResource"] == "iot-telemetry"
    assert reason in document["failures"][0]["errorMessage"]


def test_a_rule_without_permission_sends_the_message_to_its_error_action(
    aws: boto3.Session, session: Session
) -> None:
    iam = aws.client("iam")
    only_errors = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "s3:PutObject",
                "Resource": f"arn:aws:s3:::{BUCKET}/errors/*",
            }
        ],
    }
    estate.rule(
        aws,
        "iot_powerless",
        "iot-telemetry",
        BUCKET,
        sql="SELECT *, topic(2) AS thing_name FROM 'telemetry/sensor-1'",
    )
    iam.put_role_policy(
        RoleName="iot_powerless-rule",
        PolicyName="allowed",
        PolicyDocument=json.dumps(only_errors),
    )
    mark = str(uuid.uuid4())
    assert session.publish("telemetry/sensor-1", json.dumps({"mark": mark}).encode()) == 0
    aws.client("iot").delete_topic_rule(ruleName="iot_powerless")
    documents = [json.loads(body) for body in estate.objects(aws, BUCKET, "errors/rule/").values()]
    (failed,) = [one for one in documents if one["ruleName"] == "iot_powerless"]
    assert "does not allow firehose:PutRecord" in failed["failures"][0]["errorMessage"]
    assert mark in base64.b64decode(failed["base64OriginalPayload"]).decode()


def test_a_device_cannot_publish_to_the_topic_of_another(
    aws: boto3.Session, session: Session
) -> None:
    mark = str(uuid.uuid4())
    foreign = json.dumps({"mark": mark, "foreign": True}).encode()
    assert session.publish("telemetry/sensor-2", foreign) == NOT_AUTHORIZED
    assert session.publish("telemetry/sensor-1", json.dumps({"mark": mark}).encode()) == 0
    assert "foreign" not in _landed(aws, mark)


def test_a_device_cannot_use_the_client_id_of_another(
    cloud: LocalCloud, sensor: estate.Device
) -> None:
    assert refused(connect(cloud, "sensor-2", sensor.certificate, sensor.key))


def test_a_device_without_a_certificate_is_refused(
    cloud: LocalCloud, sensor: estate.Device
) -> None:
    assert refused(connect(cloud, sensor.name, None, None))


def test_a_device_with_a_certificate_of_another_authority_is_refused(
    cloud: LocalCloud, sensor: estate.Device, tmp_path: Path
) -> None:
    certificate, key = self_signed_certificate(tmp_path, sensor.name)
    assert refused(connect(cloud, sensor.name, certificate, key))


def test_a_device_with_a_revoked_certificate_is_refused(
    aws: boto3.Session, cloud: LocalCloud, sensor: estate.Device, tmp_path: Path
) -> None:
    kit = estate.device(aws, "sensor-revoked", tmp_path, "iot-device")
    opened = connect(cloud, kit.name, kit.certificate, kit.key)
    assert opened.connected.wait(WAIT)
    opened.client.disconnect()
    opened.client.loop_stop()
    iot = aws.client("iot")
    (arn,) = iot.list_thing_principals(thingName=kit.name)["principals"]
    iot.update_certificate(certificateId=arn.rpartition("/")[2], newStatus="REVOKED")
    assert refused(connect(cloud, kit.name, kit.certificate, kit.key))


def _landed(aws: boto3.Session, mark: str) -> dict[str, object]:
    count = 1
    while True:
        lines = estate.await_lines(aws, BUCKET, "telemetry/", count)
        for line in lines:
            if mark in line:
                return json.loads(line)
        count = len(lines) + 1
