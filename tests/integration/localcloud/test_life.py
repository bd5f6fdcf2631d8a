"""Tests of starting, stopping and killing the local cloud, its access control and its state."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import launch
from localcloud.cloud.home import CloudConfig
from localcloud.cloud.launch import LocalCloud
from localcloud.server import process
from tests.support import telemetry_estate as estate
from tests.support.sessions import session_of

LOCALHOST = "0100007F"  # 127.0.0.1 in /proc/net/tcp


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lakecast", "cloud", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def fresh(home: Path) -> CloudConfig:
    return CloudConfig(home=home, port=launch.free_port(), mqtt_port=launch.free_port())


@contextlib.contextmanager
def taken(port: int):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield


def test_up_run_status_and_down_from_the_command_line(tmp_path: Path) -> None:
    config = fresh(tmp_path / "home")
    home = f"--state={config.home}"
    ports = (f"--port={config.port}", f"--mqtt-port={config.mqtt_port}")
    early = run("run", home, "--", "true")
    assert early.returncode == 1
    assert early.stderr == (
        "lakecast cloud run: the local cloud is not running; run `make up` first\n"
    )
    assert run("status", home).returncode == 1
    up = run("up", home, *ports)
    try:
        assert up.returncode == 0, up.stderr
        assert "next: make plan" in up.stdout
        again = run("up", home, *ports)
        assert again.returncode == 0
        assert "already up" in again.stdout
        assert run("status", home).returncode == 0
        asked = run(
            "run",
            home,
            "--",
            sys.executable,
            "-c",
            "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])",
        )
        assert asked.stdout == "000000000000\n", asked.stderr
        assert run("run", home, "--", "false").returncode == 1
    finally:
        down = run("down", home)
    assert "is down" in down.stdout
    assert "was not running" in run("down", home).stdout
    assert launch.find(config.home) is None


def test_only_the_owner_can_read_the_environment_file_and_any_shell_can_source_it(
    cloud: LocalCloud,
) -> None:
    file = cloud.config.environment_file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    sourced = subprocess.run(
        ["sh", "-c", f". '{file}' && env"], capture_output=True, text=True, check=True
    )
    seen = dict(line.split("=", 1) for line in sourced.stdout.splitlines() if "=" in line)
    assert {name: seen[name] for name in cloud.env} == cloud.env
    assert Path(seen["LAKECAST_MQTT_CA_FILE"]).read_text().startswith("-----BEGIN CERTIFICATE")


@pytest.mark.parametrize(("which", "option"), [("port", "PORT"), ("mqtt_port", "MQTT_PORT")])
def test_a_port_in_use_is_reported_before_anything_starts(
    tmp_path: Path, which: str, option: str
) -> None:
    config = fresh(tmp_path / "home")
    port = getattr(config, which)
    with taken(port):
        up = run(
            "up",
            f"--state={config.home}",
            f"--port={config.port}",
            f"--mqtt-port={config.mqtt_port}",
        )
    assert up.returncode == 1
    assert up.stderr.count("\n") == 1
    assert f"port {port}" in up.stderr
    assert f"make up {option}=" in up.stderr
    assert not config.log_file.exists()


@pytest.mark.parametrize("which", ["port", "mqtt_port"])
def test_start_fails_if_a_port_is_taken_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    config = fresh(tmp_path / "home")
    config.home.mkdir()
    monkeypatch.setattr(launch, "check", lambda _config: None)
    with (
        taken(getattr(config, which)),
        pytest.raises(launch.LocalCloudError, match="exited with code 1 while starting"),
    ):
        launch.start(config)
    assert launch.find(config.home) is None


def test_a_full_disk_is_reported_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "NEEDED_DISK", 10**18)
    config = fresh(tmp_path / "home")
    with pytest.raises(launch.LocalCloudError, match="GB of free space, and the local cloud needs"):
        launch.start(config)
    assert not config.log_file.exists()


def test_two_clouds_cannot_share_a_home(cloud: LocalCloud) -> None:
    other = fresh(cloud.home)
    with pytest.raises(launch.LocalCloudError, match="already serves from"):
        launch.start(other)


def test_a_check_of_the_lock_is_not_mistaken_for_a_running_cloud(tmp_path: Path) -> None:
    """Whoever looks for a cloud locks its home for an instant, also while a cloud starts."""
    config = fresh(tmp_path / "home")
    config.home.mkdir()
    with config.lock_file.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        glance = threading.Timer(0.2, fcntl.flock, (lock, fcntl.LOCK_UN))
        glance.start()
        process.exclusive(config).close()
        glance.join()


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="sockets are read from /proc")
def test_nothing_listens_on_any_other_address(cloud: LocalCloud) -> None:
    descriptors = Path(f"/proc/{cloud.pid}/fd").iterdir()
    inodes = {str(one.readlink())[8:-1] for one in descriptors if "socket:" in str(one.readlink())}
    listening = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{cloud.pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                listening[int(port, 16)] = address
    assert listening == {cloud.config.port: LOCALHOST, cloud.config.mqtt_port: LOCALHOST}


def test_only_the_administrators_key_is_accepted(cloud: LocalCloud) -> None:
    for key, secret in (
        ("test", "test"),
        ("000000000000", "test"),
        (cloud.env["AWS_ACCESS_KEY_ID"], "guess"),
    ):
        stranger = boto3.client(
            "s3",
            endpoint_url=cloud.endpoint_url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name="eu-west-1",
        )
        with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|InvalidAccessKeyId"):
            stranger.list_buckets()


def test_unsigned_requests_are_refused(cloud: LocalCloud) -> None:
    for request in (
        urllib.request.Request(f"{cloud.endpoint_url}/some-bucket/key", data=b"x", method="PUT"),
        urllib.request.Request(f"{cloud.endpoint_url}/?Action=ListUsers"),
    ):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request)


def test_buckets_that_refuse_plain_http_can_be_used(aws: boto3.Session) -> None:
    name = estate.bucket(aws, "tls-only")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    s3 = aws.client("s3")
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x"


def test_reset_over_http_is_refused(cloud: LocalCloud) -> None:
    request = urllib.request.Request(f"{cloud.endpoint_url}/_ministack/reset", method="POST")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)


def test_state_and_buffered_records_survive_down_and_up(tmp_path: Path) -> None:
    config = fresh(tmp_path / "home")
    with launch.running(config) as cloud:
        first = dict(cloud.env)
        authority = config.ca_file.read_text()
        aws = session_of(cloud)
        estate.bucket(aws, "kept")
        aws.client("s3").put_object(Bucket="kept", Key="a/b", Body=b"bytes")
        aws.client("iot").create_thing(thingName="kept")
        estate.stream(
            aws, "kept", "kept", BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900}
        )
        estate.stream(aws, "later", "made-later", Prefix="l/")
        for name in ("kept", "later"):
            aws.client("firehose").put_record(DeliveryStreamName=name, Record={"Data": b"kept\n"})
    with launch.running(config) as cloud:
        assert cloud.env == first
        assert config.ca_file.read_text() == authority
        aws = session_of(cloud)
        assert aws.client("s3").get_object(Bucket="kept", Key="a/b")["Body"].read() == b"bytes"
        assert aws.client("iot").describe_thing(thingName="kept")["thingName"] == "kept"
        assert estate.await_lines(aws, "kept", "telemetry/", 1) == ["kept"]
        estate.bucket(aws, "made-later")
        assert estate.await_lines(aws, "made-later", "l/", 1) == ["kept"]


def test_a_killed_cloud_loses_no_record_that_it_acknowledged(tmp_path: Path) -> None:
    config = fresh(tmp_path / "home")
    cloud = launch.start(config)
    aws = session_of(cloud)
    estate.bucket(aws, "kept")
    never = {"SizeInMBs": 128, "IntervalInSeconds": 900}
    estate.stream(aws, "kept", "kept", BufferingHints=never)
    deadline = time.monotonic() + 60
    while not (config.state / "firehose.json").exists():  # the periodic save
        assert time.monotonic() < deadline
        time.sleep(0.2)
    for number in range(20):
        aws.client("firehose").put_record(
            DeliveryStreamName="kept", Record={"Data": f"{number}\n".encode()}
        )
    aws.client("s3").put_object(Bucket="kept", Key="late", Body=b"bytes")
    os.kill(cloud.pid, signal.SIGKILL)
    os.waitpid(cloud.pid, 0)
    assert launch.find(config.home) is None
    with launch.running(config) as revived:
        aws = session_of(revived)
        lines = estate.await_lines(aws, "kept", "telemetry/", 20)
        assert lines == [str(number) for number in range(20)]
        assert aws.client("s3").get_object(Bucket="kept", Key="late")["Body"].read() == b"bytes"
        names = aws.client("firehose").list_delivery_streams()["DeliveryStreamNames"]
        assert names == ["kept"]


def test_a_lambda_function_calls_this_cloud_with_its_role(aws: boto3.Session) -> None:
    source = """
import json, os, sys
import boto3

def handler(event, context):
    try:
        boto3.client("s3").list_buckets()
        buckets = "allowed"
    except Exception as error:
        buckets = str(error)
    return {
        "python": list(sys.version_info[:2]),
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "identity": boto3.client("sts").get_caller_identity()["Arn"],
        "buckets": buckets,
        "setting": os.environ["SETTING"],
        "event": event,
    }
"""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("handler.py", source)
    role = estate.service_role(
        aws,
        "local-function",
        "lambda.amazonaws.com",
        {"Action": "sts:GetCallerIdentity", "Resource": "*"},
    )
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName="local-function",
        Runtime="python3.11",
        Handler="handler.handler",
        Role=role,
        Timeout=30,
        Environment={"Variables": {"SETTING": "given"}},
        Code={"ZipFile": archive.getvalue()},
    )
    answer = functions.invoke(FunctionName="local-function", Payload=json.dumps({"a": 1}))
    result = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    assert result["python"] == [3, 11]
    assert result["endpoint"] == aws.client("s3").meta.endpoint_url
    assert result["identity"].startswith("arn:aws:sts::000000000000:assumed-role/local-function/")
    assert "AccessDenied" in result["buckets"]
    assert result["setting"] == "given"
    assert result["event"] == {"a": 1}
