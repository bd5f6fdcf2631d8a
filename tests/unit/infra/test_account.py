"""What a plan and an apply do besides Terraform: recipients of alarms, retention of logs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.names import Names
from infra.estate import log_retention, subscribers
from infra.estate.place import Place
from infra.estate.subscribers import SubscribersError
from tests.support.settings import changed

NAMES = Names("prod", "123456789012", "eu-west-1")


def place(owner: bool = True, environment: str = "prod", **changes: Any) -> Place:
    return Place(
        names=replace(NAMES, environment=environment),
        settings=changed(environment, {"account": {"owner": owner}, **changes}),
        endpoint_url=None,
        backend="s3",
        home=Path(".lakecast"),
        commit="0123456789ab",
    )


class Cloud:
    """CloudWatch's log groups of an account."""

    def __init__(self, groups: dict[str, int | None]) -> None:
        self.groups = groups

    def client(self, service: str) -> Cloud:
        return self

    def get_paginator(self, operation: str) -> Cloud:
        assert operation == "describe_log_groups"
        return self

    def paginate(self, logGroupNamePrefix: str) -> list[dict[str, Any]]:
        found = [
            {"logGroupName": name, **({} if days is None else {"retentionInDays": days})}
            for name, days in self.groups.items()
            if name.startswith(logGroupNamePrefix)
        ]
        return [{"logGroups": found[:1]}, {"logGroups": found[1:]}]

    def create_log_group(self, logGroupName: str) -> None:
        if logGroupName in self.groups:
            error = {"Error": {"Code": "ResourceAlreadyExistsException", "Message": "it is there"}}
            raise ClientError(error, "CreateLogGroup")
        self.groups[logGroupName] = None

    def put_retention_policy(self, logGroupName: str, retentionInDays: int) -> None:
        assert self.groups[logGroupName] is None, "somebody's choice is replaced"
        self.groups[logGroupName] = retentionInDays


def test_log_groups_that_aws_creates_expire_from_now_on():
    crawlers = "/aws-glue/crawlers-role/lakecast-prod-glue-lakecast-prod-glue"
    cloud = Cloud(
        groups={
            "/aws/sagemaker/TrainingJobs": 14,
            "/aws/sagemaker/TransformJobs": None,
            "/aws/sagemaker/TransformJobs-of-others": None,
            crawlers: None,
            "/aws-glue/crawlers-role/lakecast-dev-glue-lakecast-dev-glue": None,
        }
    )

    changed_groups = log_retention.keep(cloud, place())

    assert cloud.groups == {
        "/aws/sagemaker/TrainingJobs": 14,
        "/aws/sagemaker/TransformJobs": 365,
        "/aws/sagemaker/TransformJobs-of-others": None,
        crawlers: 365,
        "/aws-glue/crawlers-role/lakecast-dev-glue-lakecast-dev-glue": None,
        "/aws/sagemaker/ProcessingJobs": 365,
        "AWSIotLogsV2": 365,
    }
    assert log_retention.keep(cloud, place()) == [] != changed_groups


def test_an_environment_leaves_the_groups_of_an_account_to_its_owner():
    cloud = Cloud(groups={"/aws/sagemaker/TransformJobs": None})
    assert log_retention.keep(cloud, place(owner=False)) == []
    assert cloud.groups == {"/aws/sagemaker/TransformJobs": None}


def test_addresses_are_given_with_commas_once_each():
    assert subscribers.read(" a@example.org,b@example.org, a@example.org,") == (
        "a@example.org",
        "b@example.org",
    )
    assert subscribers.read("") == ()
    with pytest.raises(SubscribersError, match=r"with commas; got 'a@example\.org b@example\.org'"):
        subscribers.read("a@example.org b@example.org")


def test_ids_of_addresses_do_not_reveal_them_and_stay():
    (key,) = json.loads(subscribers.terraform_variable(["Duty@example.org"]))
    assert "duty" not in key.lower()
    assert json.loads(subscribers.terraform_variable(["duty@example.org"])) == {
        key: "duty@example.org"
    }


def test_prod_is_not_planned_without_anyone_who_hears_its_alarms():
    with pytest.raises(SubscribersError, match="make plan ENV=prod ALARM_EMAILS="):
        subscribers.check(place(), ())
    subscribers.check(place(), ("a@example.org",))
    subscribers.check(place(alarms={"targets": ["arn:aws:sns:eu-west-1:123456789012:pager"]}), ())


def test_other_environments_on_aws_warn():
    dev = place(environment="dev")
    subscribers.check(dev, ())
    assert "nobody receives the alarms" in subscribers.warnings(dev, ())[-1]
    assert subscribers.warnings(dev, ("a@example.org",)) == []
    assert subscribers.warnings(replace(dev, endpoint_url="http://127.0.0.1:4566"), ()) == []
