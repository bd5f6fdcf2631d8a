"""Tests of the estate's commands with real Terraform, against a separate local cloud."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from contracts.lake.locations import RUNS
from contracts.lake.queries import query
from contracts.lake.runs import run_key
from contracts.names import TELEMETRY_TO_PARQUET, Names
from glue_jobs.runs.run_record import RunRecord, columns_of
from infra.modules.core.packaging import REPOSITORY
from localcloud.cloud.launch import LocalCloud

NO_CHANGES = "No changes. Your infrastructure matches the configuration."


class Verbs:
    """Runs ``lakecast estate`` with a separate home folder."""

    def __init__(self, cloud: LocalCloud, home: Path) -> None:
        self.home = home
        self._variables = {**os.environ, **cloud.env}

    def __call__(self, verb: str, *options: str, **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "lakecast", "estate", verb, f"--state={self.home}", *options],
            capture_output=True,
            text=True,
            check=False,
            cwd=REPOSITORY,
            env={**self._variables, **variables},
        )


@pytest.fixture(scope="module")
def infra(own_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Verbs:
    return Verbs(own_cloud, tmp_path_factory.mktemp("infra-home"))


def fails_in_one_line(result: subprocess.CompletedProcess, expected: str) -> None:
    assert result.returncode == 1, result.stdout
    assert re.search(expected, result.stderr), result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr


def test_the_estate_is_planned_applied_kept_and_removed(infra, own_cloud, session, names):
    fails_in_one_line(infra("apply"), "no saved plan to apply; run `make plan")

    nothing_is_missing_before_the_first_apply(infra)
    planned = infra("plan")
    assert planned.returncode == 0, planned.stderr
    assert "cloud        emulator at http://127.0.0.1:" in planned.stdout
    assert re.search(r"data +\+\d\d .*Plan: \d\d to add, 0 to change, 0 to destroy", planned.stdout)
    assert "next   make apply ENV=local" in planned.stdout
    assert "jsii" not in planned.stderr.lower()

    copy = infra.home / "copy"
    shutil.copytree(infra.home / "terraform/local", copy)
    applied = infra("apply")
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.count("Apply complete!") == 3

    # A saved plan applies once.
    for file in (*copy.glob("plan.json"), *copy.glob("*/plan.tfplan")):
        shutil.copy(file, infra.home / "terraform/local" / file.relative_to(copy))
    fails_in_one_line(infra("apply"), "the saved plan of data is stale: .*`make plan")

    the_lake_can_be_asked(own_cloud, session, names)

    # A second plan has no changes, save for what was changed by hand.
    session.client("glue").delete_crawler(Name=names.crawler)
    drift = infra("drift")
    assert drift.returncode == 2, drift.stdout + drift.stderr
    assert re.search(r"pipeline +\+1 .*Plan: 1 to add, 0 to change, 0 to destroy", drift.stdout)
    assert drift.stdout.count(NO_CHANGES) == 2, drift.stdout

    answers_without_a_model(session, names)
    a_new_device_claims_its_certificate(own_cloud, infra.home)
    make_leftovers(session, names)

    destroyed = infra("destroy")
    assert destroyed.returncode == 0, destroyed.stderr
    assert "removing 2 device(s)" in destroyed.stdout
    assert left(session, names) == {}
    assert not (infra.home / "terraform/local").exists()


def nothing_is_missing_before_the_first_apply(infra: Verbs) -> None:
    checked = infra("preflight")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "next   make plan ENV=local" in checked.stdout
    lines = checked.stdout.splitlines()
    attention = {line.removeprefix("attention").strip().split("  ")[0] for line in lines[:-2]
                 if line.startswith("attention")}  # fmt: skip
    assert attention == {"account", "alarm recipients"}
    assert "18 of 18 answer" in checked.stdout


def the_lake_can_be_asked(cloud: LocalCloud, session: boto3.Session, names: Names) -> None:
    """Checks that Athena reads a run's row from its table, and that the other tables are empty."""
    run = RunRecord(
        TELEMETRY_TO_PARQUET,
        "jr_1",
        datetime(2026, 6, 3, 10, tzinfo=UTC),
        9.5,
        "succeeded",
        **columns_of({"read": 5, "kept": 2, "quarantined": {"not_json": 3}}),
    )
    session.client("s3").put_object(
        Bucket=names.bucket(RUNS.purpose),
        Key=f"{RUNS.prefix}{run_key(run.started, run.run_id)}",
        Body=run.to_parquet(),
    )
    (row,) = query(
        session.client("athena"),
        names,
        "SELECT outcome, read, quarantined, quarantined_by_reason['not_json'] AS not_json "
        "FROM runs WHERE date = '2026-06-03'",
    )
    expected = {"outcome": "succeeded", "read": "5", "quarantined": "3", "not_json": "3"}
    assert row == expected
    measured = subprocess.run(
        [sys.executable, "-m", "lakecast", "lake", "quality"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **cloud.env, "LAKECAST_ENV": "local"},
    )
    assert measured.returncode == 1, measured.stderr
    assert re.search(r"telemetry +│ has rows +│ 0 +│ NOT MET", measured.stdout), measured.stdout
    assert "series_hourly" in measured.stdout


def answers_without_a_model(session: boto3.Session, names: Names) -> None:
    """Checks that the function runs, has its permissions, and reports the missing endpoint."""
    event = {
        "httpMethod": "GET",
        "path": "/v1/health",
        "resource": "/v1/health",
        "headers": {},
        "queryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"requestId": "r-1", "httpMethod": "GET", "path": "/v1/health"},
        "body": None,
        "isBase64Encoded": False,
    }
    answer = session.client("lambda").invoke(
        FunctionName=names.api, Payload=json.dumps(event).encode()
    )
    document = json.load(answer["Payload"])
    assert document["statusCode"] == 503, document
    assert names.endpoint in document["body"]


def a_new_device_claims_its_certificate(cloud: LocalCloud, home: Path) -> None:
    """Checks that the hook can use the allow-list, which is encrypted with the data stack's key."""
    claiming = ["claim", "--claim-kit", str(home / "claim"), "--kits", str(home / "devices")]
    for command, code in (
        (["claim-kit", "--out", str(home / "claim")], 0),
        (["allow", "--serial", "new"], 0),
        ([*claiming, "--serial", "new"], 0),
        ([*claiming, "--serial", "refused"], 1),  # leaves an unprovisioned certificate
    ):
        done = subprocess.run(
            [sys.executable, "-m", "lakecast", "device", *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=REPOSITORY,
            env={**os.environ, **cloud.env, "LAKECAST_ENV": "local"},
        )
        assert done.returncode == code, done.stderr


def make_leftovers(session: boto3.Session, names: Names) -> None:
    """Creates what other commands leave behind: a device, a release, objects with versions."""
    iot = session.client("iot")
    iot.create_thing(thingName="station-left", thingTypeName=names.thing_type)
    certificate = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_policy(policyName=names.device_policy, target=certificate["certificateArn"])
    iot.attach_thing_principal(thingName="station-left", principal=certificate["certificateArn"])
    s3 = session.client("s3")
    for body in (b"first", b"second"):
        s3.put_object(Bucket=names.bucket("raw"), Key="telemetry/x", Body=body)
    model = "training/x/output/model.tar.gz"
    s3.put_object(Bucket=names.bucket("models"), Key=model, Body=b"a model")
    sagemaker = session.client("sagemaker")
    container = {
        "Image": f"224300973850.dkr.ecr.{names.region}.amazonaws.com/forecasting-deepar:1",
        "ModelDataUrl": f"s3://{names.bucket('models')}/{model}",
    }
    sagemaker.create_model(
        ModelName=names.part("left"),
        ExecutionRoleArn=names.role_arn("sagemaker"),
        PrimaryContainer=container,
    )
    sagemaker.create_model_package(
        ModelPackageGroupName=names.model_package_group,
        InferenceSpecification={"Containers": [container]},
    )


def left(session: boto3.Session, names: Names) -> dict[str, list[Any]]:
    """Returns all remaining resources with the environment's name."""

    def ours(values: Any) -> list[str]:
        marks = (names.part(""), names.database)
        return [value for value in values if any(mark in value for mark in marks)]

    client = session.client
    found = {
        "buckets": ours(b["Name"] for b in client("s3").list_buckets()["Buckets"]),
        "aliases": ours(a["AliasName"] for a in client("kms").list_aliases()["Aliases"]),
        "tables": ours(client("dynamodb").list_tables()["TableNames"]),
        "roles": ours(r["RoleName"] for r in client("iam").list_roles()["Roles"]),
        "databases": ours(d["Name"] for d in client("glue").get_databases()["DatabaseList"]),
        "jobs": ours(j["Name"] for j in client("glue").get_jobs()["Jobs"]),
        "crawlers": ours(c["Name"] for c in client("glue").get_crawlers()["Crawlers"]),
        "rulesets": ours(
            r["Name"] for r in client("glue").list_data_quality_rulesets()["Rulesets"]
        ),
        "alarms": ours(
            a["AlarmName"] for a in client("cloudwatch").describe_alarms()["MetricAlarms"]
        ),
        "workgroups": ours(w["Name"] for w in client("athena").list_work_groups()["WorkGroups"]),
        "streams": ours(client("firehose").list_delivery_streams()["DeliveryStreamNames"]),
        "versions": ours(
            g["ModelPackageGroupName"]
            for g in client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
        ),
        "machines": ours(
            m["name"] for m in client("stepfunctions").list_state_machines()["stateMachines"]
        ),
        "rules": ours(r["ruleName"] for r in client("iot").list_topic_rules()["rules"]),
        "policies": ours(p["policyName"] for p in client("iot").list_policies()["policies"]),
        "templates": ours(
            t["templateName"] for t in client("iot").list_provisioning_templates()["templates"]
        ),
        "types": ours(t["thingTypeName"] for t in client("iot").list_thing_types()["thingTypes"]),
        "things": [t["thingName"] for t in client("iot").list_things()["things"]],
        "certificates": client("iot").list_certificates()["certificates"],
        "functions": ours(
            f["FunctionName"] for f in client("lambda").list_functions()["Functions"]
        ),
        "apis": ours(a["name"] for a in client("apigateway").get_rest_apis()["items"]),
        "keys": ours(k["name"] for k in client("apigateway").get_api_keys()["items"]),
        "plans": ours(p["name"] for p in client("apigateway").get_usage_plans()["items"]),
        "logs": ours(g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]),
        "models": ours(m["ModelName"] for m in client("sagemaker").list_models()["Models"]),
    }
    return {kind: values for kind, values in found.items() if values}


def test_a_preflight_fails_without_the_state_bucket_or_with_an_unsafe_one(infra, session):
    checked = infra("preflight", "--env", "staging", "--backend", "s3")

    assert checked.returncode == 1, checked.stdout
    assert re.search(
        r"^fails +state bucket +expected the bucket lakecast-staging-", checked.stdout, re.M
    )
    assert len(re.findall(r"^fails ", checked.stdout, re.M)) == 1, checked.stdout

    bucket = Names.from_aws(session, "staging").bucket("terraform-state")
    s3 = session.client("s3")
    location = {"LocationConstraint": session.region_name}
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    checked = infra("preflight", "--env", "staging", "--backend", "s3")
    assert re.search(r"^fails +state versions +expected versioning Enabled", checked.stdout, re.M)
    assert re.search(r"^ok +state lock +a lock file was written and removed", checked.stdout, re.M)
    assert not s3.list_objects_v2(Bucket=bucket).get("Contents")
    s3.delete_bucket(Bucket=bucket)


def test_an_environment_of_aws_is_planned_before_anything_is_there(infra):
    unheard = infra("plan", "--env", "prod", "--backend", "local")
    fails_in_one_line(unheard, "nobody would receive the alarms of prod: .*ALARM_EMAILS=")

    addresses = {"LAKECAST_ALARM_EMAILS": "duty@example.org"}
    planned = infra("plan", "--env", "prod", "--backend", "local", **addresses)

    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.count("to add, 0 to change, 0 to destroy.") == 3
    assert "environment  prod" in planned.stdout
    assert addresses["LAKECAST_ALARM_EMAILS"] not in planned.stdout


def test_a_kept_environment_is_destroyed_only_if_it_is_confirmed_by_name(infra):
    fails_in_one_line(infra("destroy", "--env", "prod"), "CONFIRM=prod")


def test_an_environment_lives_in_one_region(infra):
    result = infra("plan", "--env", "dev", AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1")

    fails_in_one_line(result, "dev is in eu-west-1, but AWS_REGION is us-east-1")


def test_a_cloud_that_does_not_answer_is_reported(infra):
    result = infra("plan", AWS_ENDPOINT_URL="http://127.0.0.1:1")

    fails_in_one_line(result, r"http://127\.0\.0\.1:1 did not return the account.*`make up`")


def test_a_terraform_of_another_series_is_refused(infra, tmp_path):
    other = tmp_path / "terraform"
    other.write_text('#!/bin/sh\necho \'{"terraform_version": "1.5.7"}\'\n')
    other.chmod(0o755)

    result = infra("plan", LAKECAST_TERRAFORM=str(other))

    fails_in_one_line(result, r"Terraform 1\.5\.7; Lakecast needs 1\.11\.x")
