from __future__ import annotations

import pytest

from contracts.names import FORECAST, Names, Workload

OTHER = Workload("diamonds")
OF_A_WORKLOAD = (
    "api",
    "endpoint",
    "experiment",
    "model_package_group",
    "retrain_jobs",
    "retrain_machine",
    "rollout_machine",
)


@pytest.fixture
def names() -> Names:
    return Names("dev", "123456789012", "eu-west-1")


def test_every_name_says_project_and_environment(names: Names) -> None:
    assert names.endpoint == "lakecast-dev-forecast"
    assert names.job("build_series") == "lakecast-dev-build-series"


def test_identifiers_have_no_hyphens(names: Names) -> None:
    assert names.topic_rule == "lakecast_dev_telemetry"
    assert names.database == "lakecast_dev"


def test_bucket_names_are_unique_to_the_account_and_fit_in_63_characters(names: Names) -> None:
    assert names.bucket("raw") == "lakecast-dev-raw-123456789012"
    assert len(Names("staging", "123456789012", "x").bucket("terraform-state")) <= 63


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Names("test", "123456789012", "eu-west-1"), "environment must be one of"),
        (lambda: Names("dev", "1", "r").bucket("row"), "bucket must be one of"),
        (lambda: Names("dev", "1", "r").job("crawl"), "job must be one of"),
        (lambda: Names("dev", "1", "r").role("clerk"), "role must be one of"),
    ],
)
def test_unknown_parts_are_refused_with_the_known_ones(call, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (lambda n: n.arn("iot", "cert/*"), "arn:aws:iot:eu-west-1:123456789012:cert/*"),
        (lambda n: n.arn("iam", "root"), "arn:aws:iam::123456789012:root"),
        (lambda n: n.arn("budgets", "*"), "arn:aws:budgets::123456789012:*"),
        (lambda n: n.role_arn("glue"), "arn:aws:iam::123456789012:role/lakecast-dev-glue"),
        (lambda n: n.bucket_arn("raw"), "arn:aws:s3:::lakecast-dev-raw-123456789012"),
        (lambda n: n.bucket_arn("raw", "a/*"), "arn:aws:s3:::lakecast-dev-raw-123456789012/a/*"),
        (
            lambda n: n.table_arn(n.locks_table),
            "arn:aws:dynamodb:eu-west-1:123456789012:table/lakecast-dev-locks",
        ),
        (
            lambda n: n.log_group_arn(f"{n.log_groups.delivery}:*"),
            "arn:aws:logs:eu-west-1:123456789012:log-group:"
            "/aws/kinesisfirehose/lakecast-dev-telemetry:*",
        ),
        (lambda n: n.alarm_topic_arn, "arn:aws:sns:eu-west-1:123456789012:lakecast-dev-alarms"),
    ],
)
def test_arns_have_the_parts_that_their_service_has(names, arn, expected) -> None:  # type: ignore[no-untyped-def]
    assert arn(names) == expected


def test_log_groups_are_named_after_who_writes_into_them(names: Names) -> None:
    assert names.workload_log_groups.function == f"/aws/lambda/{names.api}"
    assert names.log_groups.jobs_error == (
        "/aws-glue/lakecast-dev-jobs/lakecast-dev-glue-role/lakecast-dev-glue/error"
    )
    assert names.workload_log_groups.rollout == names.machine_log_group(names.rollout_machine)


@pytest.mark.parametrize("name", OF_A_WORKLOAD)
def test_no_two_workloads_share_a_name(names: Names, name: str) -> None:
    other = getattr(names.of(OTHER), name)
    assert other.startswith("lakecast-dev-diamonds")
    assert other != getattr(names, name)


def test_the_first_workloads_machines_omit_its_name(names: Names) -> None:
    assert names == names.of(FORECAST)
    assert names.retrain_machine == "lakecast-dev-retrain"
    assert names.rollout_machine == "lakecast-dev-rollout"
    assert names.endpoint == names.model_package_group == "lakecast-dev-forecast"


@pytest.mark.parametrize("name", ["", "Forecast", "two-words", "forecasting"])
def test_an_invalid_workload_name_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match="at most 8 small letters; got"):
        Workload(name)
