"""Tests of approvals that deploy, with the estate's rule and state machine and tiny models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts.models import naming
from contracts.models.forecast_input import CategoryIndex
from tests.support.models import rollout_estate
from tests.support.models.rollout_estate import INDEX
from tests.support.models.rollout_estate import RolloutEstate as Estate


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with rollout_estate.running(tmp_path_factory.mktemp("rollout")) as estate:
        yield estate


def statuses(executions: list[dict[str, Any]]) -> list[str]:
    return [one["status"] for one in executions]


@pytest.fixture(scope="module")
def too_early(estate: Estate) -> dict[str, tuple[int, str]]:
    """Output of the commands while no version exists."""
    return {
        "models": estate.run("list"),
        "approve": estate.run("approve", "--version", "7"),
    }


@pytest.fixture(scope="module")
def never_served(estate: Estate, too_early: object) -> tuple[str, list[str]]:
    """Output and alarms of an endpoint that failed with the first version."""
    version = estate.register("useless", serve="die")
    code, said = estate.run("approve", "--version", str(version))
    assert code == 1, said
    assert statuses(estate.judge("Rejected", version)) == ["SUCCEEDED"]
    return said, estate.alarms()


@pytest.fixture(scope="module")
def first(estate: Estate, never_served: object) -> int:
    """A version in service."""
    version = estate.register("first")
    code, said = estate.run("approve", "--version", str(version))
    assert code == 0, said
    assert f"serves {naming.model(estate.names, version)} (100% of traffic)" in said
    return version


def test_commands_name_the_missing_step(too_early: dict[str, tuple[int, str]]) -> None:
    code, said = too_early["models"]
    assert code == 0
    assert said.splitlines() == [
        "no version of lakecast-local-forecast yet",
        "endpoint lakecast-local-forecast is not there",
        "next: make retrain",
    ]
    code, said = too_early["approve"]
    assert code == 1
    assert "there is no version 7 of lakecast-local-forecast; see `make models`" in said


def test_an_endpoint_that_never_served_says_why(never_served: tuple[str, list[str]]) -> None:
    said, alarms = never_served
    assert "the rollout failed: Version 1 did not come into service: " in said
    assert "lakecast-local-forecast is Failed with lakecast-local-forecast-v1-" in said
    (message,) = alarms
    assert "lakecast-local-forecast is Failed" in message


def test_an_approved_version_creates_a_deleted_endpoint_again(estate: Estate, first: int) -> None:
    assert estate.answers() == "first"
    endpoint = estate.studio.endpoint(estate.names.endpoint)
    model = naming.model(estate.names, first)
    variants = [("champion", model, 1.0)]
    expected = naming.configuration(estate.names.endpoint, variants, "ml.m5.large", 1)
    assert endpoint["EndpointConfigName"] == expected
    assert expected.startswith(f"{model}-")
    tags = estate.studio.sagemaker.list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"]
    assert {"Key": "project", "Value": "lakecast"} in tags
    assert estate.alarms() == []


def test_a_version_of_other_categories_than_the_lakes_is_not_approved(
    estate: Estate, first: int
) -> None:
    stranger = estate.register("stranger")
    estate.know(CategoryIndex.of(["device-0", "device-1"], ["ozone"]))
    code, said = estate.run("approve", "--version", str(stranger))
    estate.know(INDEX)
    assert code == 1
    assert f"other devices than those that version {stranger} was trained with" in said
    assert estate.answers() == "first"


def test_versions_approved_at_once_end_with_the_newest_and_go_back_one_by_one(
    estate: Estate, first: int
) -> None:
    second, third = estate.register("second"), estate.register("third")
    assert estate.answers() == "first", "nobody has approved the others"
    assert statuses(estate.judge("Approved", second, third)) == ["SUCCEEDED", "SUCCEEDED"]
    assert estate.answers() == "third"
    code, said = estate.run("approve", "--version", str(first))
    assert code == 1
    assert f"version {first} is not served, as a newer one is approved" in said
    code, said = estate.run("reject", "--version", str(third), "--reason", "bands too narrow")
    assert code == 0, said
    assert f"serves {naming.model(estate.names, second)} (100% of traffic)" in said
    assert estate.answers() == "second"
    assert "bands too narrow" in estate.run("list", "--version", f"v{third}")[1]
    assert statuses(estate.judge("Rejected", second)) == ["SUCCEEDED"]
    assert estate.answers() == "first"
    assert estate.alarms() == []


def test_a_model_that_does_not_serve_leaves_the_old_one_and_raises_an_alarm(
    estate: Estate, first: int
) -> None:
    broken = estate.register("broken", serve="die")
    code, said = estate.run("approve", "--version", str(broken))
    assert code == 1
    assert f"the rollout failed: Version {broken} did not come into service: " in said
    assert estate.answers() == "first"
    (message,) = estate.alarms()
    assert message.startswith(f"Version {broken} did not come into service: ")
    assert f"lakecast-local-forecast is InService with lakecast-local-forecast-v{first}-" in message
    assert "make models ENV=local" in message
    assert statuses(estate.judge("Rejected", broken)) == ["SUCCEEDED"]
    assert estate.alarms() == []


def test_a_comparison_lasts_until_one_of_its_models_is_rejected(estate: Estate, first: int) -> None:
    """The rejection of another candidate does not end it."""
    challenger, unfit = estate.register("challenger"), estate.register("unfit")
    code, said = estate.deploy(f"champion=v{first}:9", f"challenger=v{challenger}:1")
    assert code == 0, said
    before = estate.executions()
    estate.update(first, CustomerMetadataProperties={"seen_by": "a person"})
    assert estate.executions() == before, "nobody has judged anything"
    assert statuses(estate.judge("Rejected", unfit)) == ["SUCCEEDED"]
    listed = estate.run("list")[1]
    rows = {line.split()[2]: line for line in listed.splitlines() if line.startswith("▸")}
    assert rows[str(first)].startswith("▸ 90%")
    assert rows[str(challenger)].startswith("▸ 10%")
    assert estate.studio.ask(estate.names.endpoint, "challenger")["model"] == "challenger"
    assert statuses(estate.judge("Rejected", challenger)) == ["SUCCEEDED"]
    variants = estate.studio.endpoint(estate.names.endpoint)["ProductionVariants"]
    assert [one["VariantName"] for one in variants] == ["champion"]
    assert estate.answers() == "first"


def test_the_last_approved_version_keeps_serving_when_it_is_rejected(
    estate: Estate, first: int
) -> None:
    code, said = estate.run("reject", "--version", str(first), "--reason", "out of date")
    assert code == 1
    assert "no other version is approved to go back to" in said
    assert estate.answers() == "first"
    (message,) = estate.alarms()
    assert message.split(" What is approved")[0] in " ".join(said.split())
