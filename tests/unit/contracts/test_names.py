from __future__ import annotations

import pytest

from contracts.names import Names


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
    ],
)
def test_unknown_parts_are_refused_with_what_is_known(call, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call()
