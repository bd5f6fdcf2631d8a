"""The whole way, as `make demo` takes it, in a home folder and on ports of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import boto3
import pytest

from contracts.messages.telemetry import SMOKE_DEVICES
from contracts.names import Names
from localcloud.cloud.launch import find, free_port, stop
from smoke.lease import SECONDS
from smoke.report import Report
from smoke.walk import HOPS
from tests.support.sessions import session_of

ROOT = Path(__file__).resolve().parents[2]
DAYS = 35


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("demo") / "home"
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MAKE", "COLUMNS"))
    }
    result = subprocess.run(
        [
            *(sys.executable, "-m", "lakecast", "cloud", "demo", "--state", home),
            *("--days", str(DAYS)),
            *("--port", str(free_port()), "--mqtt-port", str(free_port())),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    cloud = find(home)
    try:
        assert result.returncode == 0, result.stdout + result.stderr
        yield home, result.stdout
    finally:
        if cloud is not None:
            stop(cloud.config)


def test_every_message_that_was_sent_is_in_the_lake_once(demo) -> None:
    home, printed = demo
    sent = json.loads((home / "demo/fleet.json").read_text())["messages_sent"]
    assert 0.95 * 6 * DAYS * 24 < sent <= 6 * DAYS * 24  # stations fall silent now and then
    assert f"{sent:,} readings = messages sent" in printed
    assert "quarantined: 1 missing_time, 1 not_json, 1 wrong_type" in printed


def test_several_held_out_days_are_judged_beside_both_baselines(demo) -> None:
    home, printed = demo
    summary = json.loads((home / "evaluation/summary.json").read_text())
    origins = [datetime.fromisoformat(origin) for origin in summary["origins"]]
    assert len(origins) == 7
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(origins))
    told = next((home / "demo").glob("*-etl.log")).read_text().split()
    cut = told[told.index("cut") + 2]
    assert datetime.fromisoformat(cut) == origins[0], "training has seen what is judged"
    words = " ".join(printed.split())
    assert re.search(r"Over 7 held-out days the model's loss is 0\.\d+, against 0\.\d+ of ", words)
    assert re.search(r"\d+% of the values lie in its 80 % band", words)
    for model in ("model", "persistence", "daily seasonal naive"):
        assert model in printed


def test_the_output_fits_an_ordinary_terminal(demo) -> None:
    _, printed = demo
    tables = [line for line in printed.splitlines() if line[:1] in "┃│┏├└┡"]
    assert tables
    assert max(map(len, tables)) <= 80
    assert "What to look at next" in printed


def test_a_picture_is_drawn(demo) -> None:
    home, _ = demo
    assert (home / "evaluation/forecast.png").read_bytes().startswith(b"\x89PNG")


def test_the_cloud_keeps_answering(demo) -> None:
    home, printed = demo
    cloud = find(home)
    assert cloud is not None
    assert cloud.endpoint_url in printed


def test_a_smoke_test_finds_what_a_killed_one_left_reaches_a_forecast_and_leaves_nothing(demo):
    """It runs in the demo's estate, beside the demo's devices and its served model."""
    home, _ = demo
    cloud = find(home)
    assert cloud is not None
    session = session_of(cloud)
    names = Names.from_aws(session, "local")
    smoke = [sys.executable, "-m", "lakecast", "smoke", "run", f"--state={home}"]
    environment = {**os.environ, **cloud.env}

    with subprocess.Popen(
        smoke, cwd=ROOT, env=environment, stdout=subprocess.PIPE, start_new_session=True
    ) as killed:
        assert killed.stdout is not None
        assert b"ok" in killed.stdout.readline()  # two devices are registered
        os.killpg(killed.pid, signal.SIGKILL)
    left = traces(session, names)
    assert set(left) == {"things", "certificates", "allowed"}
    assert_a_second_one_waits(session, names)

    result = subprocess.run(
        smoke, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"removed of earlier runs: 2 devices, 1 claim certificates", result.stdout)
    report = Report.read(home / "smoke/local.json")
    assert {hop.name: hop.verdict for hop in report.hops} == dict.fromkeys(
        (hop.name for hop in HOPS), "ok"
    )
    assert report.hop("api").figures["status"] == 200
    assert report.passed
    assert not report.on_aws
    assert traces(session, names) == {}


def assert_a_second_one_waits(session: boto3.Session, names: Names) -> None:
    """Checks that the killed run's lease still holds, and lets its time pass."""
    dynamodb = session.client("dynamodb")
    key = {"TableName": names.locks_table, "Key": {"name": {"S": "smoke"}}}
    lease = dynamodb.get_item(**key)["Item"]
    assert time.time() < int(lease["expires_at"]["N"]) <= time.time() + SECONDS
    dynamodb.update_item(
        **key,
        UpdateExpression="SET expires_at = :past",
        ExpressionAttributeValues={":past": {"N": "1"}},
    )


def traces(session: boto3.Session, names: Names) -> dict[str, list[str]]:
    """Everything in the estate that belongs to a smoke test."""
    prefix = names.part("smoke-")
    iot, sagemaker, s3 = (session.client(one) for one in ("iot", "sagemaker", "s3"))

    def objects(purpose: str, start: str) -> list[str]:
        answer = s3.list_object_versions(Bucket=names.bucket(purpose), Prefix=start)
        return [
            one["Key"] for kind in ("Versions", "DeleteMarkers") for one in answer.get(kind, ())
        ]

    def items(table: str, key: str) -> list[str]:
        found = session.client("dynamodb").scan(TableName=table)["Items"]
        return [one[key]["S"] for one in found if one[key]["S"].startswith(SMOKE_DEVICES)]

    policies = iot.list_targets_for_policy(policyName=names.claim_policy)["targets"]
    found = {
        "things": [
            one["thingName"]
            for one in iot.list_things(maxResults=250)["things"]
            if one["thingName"].startswith(SMOKE_DEVICES)
        ],
        "certificates": policies,
        "allowed": items(names.allow_list_table, "serial_number"),
        "interactions": items(names.interactions_table, "device_id"),
        "endpoints": [
            one["EndpointName"]
            for one in sagemaker.list_endpoints(NameContains=prefix)["Endpoints"]
        ],
        "models": [
            one["ModelName"] for one in sagemaker.list_models(NameContains=prefix)["Models"]
        ],
        "tables": objects("curated", "smoke/"),
        "recent": objects("curated", f"recent/{SMOKE_DEVICES}"),
        "objects": objects("models", "smoke/"),
    }
    return {kind: values for kind, values in found.items() if values}
