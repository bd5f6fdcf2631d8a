from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.names import Names
from contracts.settings.load import load as load_settings
from infra.estate.place import Place
from infra.terraform.plan_report import NO_CHANGES, Change, StackPlan, read, render

MESSAGES = Path(__file__).with_name("plan_messages.jsonl")


@pytest.fixture
def place():
    return Place(
        names=Names("dev", "123456789012", "eu-west-1"),
        settings=load_settings("dev"),
        endpoint_url=None,
        backend="s3",
        home=Path(".lakecast"),
        commit="0123456789ab with changes",
    )


@pytest.fixture
def plan():
    lines = MESSAGES.read_text(encoding="utf-8").splitlines()
    return read("data", map(json.loads, lines))


def test_changes_are_read_from_terraforms_messages(plan):
    assert plan.changes == (
        Change("aws_dynamodb_table.interactions", "aws_dynamodb_table", "replace"),
        Change("aws_s3_bucket.raw", "aws_s3_bucket", "delete"),
        Change("aws_iam_role.glue_role", "aws_iam_role", "delete"),
        Change("aws_glue_job.glue_build_series", "aws_glue_job", "update"),
        Change("aws_s3_bucket.models", "aws_s3_bucket", "create"),
    )
    assert plan.summary == "Plan: 2 to add, 1 to change, 3 to destroy."


def test_changes_that_lose_data_are_flagged(plan, place):
    lines = render(place, [plan], "plan.json")

    assert "  ± data: aws_dynamodb_table.interactions   HOLDS DATA" in lines
    assert "  - data: aws_s3_bucket.raw   HOLDS DATA" in lines
    assert "  - data: aws_iam_role.glue_role" in lines
    assert not any("aws_s3_bucket.models" in line for line in lines)


def test_the_report_names_its_target_and_the_next_command(plan, place):
    text = "\n".join(render(place, [plan, StackPlan("serving", (), NO_CHANGES)], "x/plan.json"))

    for expected in (
        "environment  dev",
        "account      123456789012",
        "region       eu-west-1",
        "cloud        AWS",
        "state        s3://lakecast-dev-terraform-state-123456789012/<stack>.tfstate",
        "commit       0123456789ab with changes",
        "+1  ~1  -2  ±1",
        "Plan: 2 to add, 1 to change, 3 to destroy.",
        "+0  ~0  -0  ±0",
        NO_CHANGES,
        "saved  x/plan.json",
        "next   make apply ENV=dev",
    ):
        assert expected in text


def test_a_plan_without_changes_says_so_in_terraforms_words(place):
    summary = {
        "@message": "Plan: 0 to add, 0 to change, 0 to destroy.",
        "type": "change_summary",
    }
    plan = read("data", [summary])

    assert plan.is_empty
    assert plan.summary == NO_CHANGES
    assert "next   nothing to apply" in render(place, [plan], "plan.json")


def test_a_report_of_drift_saves_nothing_and_proposes_nothing(plan, place):
    assert not any(line.startswith(("saved", "next")) for line in render(place, [plan], None))


def test_a_plan_is_the_same_after_recording(plan):
    assert StackPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
