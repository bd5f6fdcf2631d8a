"""Tests of releases: written by `make deploy`, rolled out by the estate's state machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from forecasting.releases import documents

from contracts.models import naming, releases
from contracts.models.releases import Release
from tests.support.models import rollout_estate
from tests.support.models.rollout_estate import RolloutEstate as Estate


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """An endpoint that serves version 1; versions 2 and 3 wait for a decision."""
    with rollout_estate.running(tmp_path_factory.mktemp("releases")) as estate:
        assert estate.register("one") == 1
        code, said = estate.run("approve", "--version", "1")
        assert code == 0, said
        assert (estate.register("two"), estate.register("three")) == (2, 3)
        yield estate


@pytest.fixture
def calm(estate: Estate) -> Iterator[Estate]:
    """The estate without a pinned release, with version 1 in service and no alarms."""
    documents.remove(boto3.Session(), estate.names)
    assert estate.ended(estate.start())["status"] == "SUCCEEDED"
    assert estate.answers() == "one"
    estate.alarms()
    yield estate


def pinned(estate: Estate, version: int, **changes: Any) -> Release:
    """Returns a release of one version."""
    model = naming.model(estate.names, version)
    given: dict[str, Any] = {
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "newest_approved": 1,
        "written_at": "2026-11-27T06:00:00+00:00",
        **changes,
    }
    variants = [{"name": "champion", "model": model, "weight": 1, "version": version}]
    return releases.of_variants(estate.names, variants, **given)


def shares(estate: Estate) -> dict[str, float]:
    described = estate.studio.endpoint(estate.names.endpoint)
    return {one["VariantName"]: one["CurrentWeight"] for one in described["ProductionVariants"]}


def test_a_deployment_is_seen_and_ends_with_an_approval(calm: Estate) -> None:
    code, said = calm.deploy("champion=v1:3", "challenger=v2")
    assert code == 0, said
    expected = "champion (lakecast-local-forecast-v1, weight 3), challenger (lakecast-local-forecas"
    assert f"endpoint lakecast-local-forecast serves {expected}" in said
    assert shares(calm) == {"champion": 3, "challenger": 1}
    listed = calm.run("list")[1]
    assert "pinned by `make deploy` until the next approval: champion (lakecast-local-f" in listed
    again = calm.deploy("champion=v1:3", "challenger=v2")
    assert again[0] == 0
    assert "already serves champion" in again[1]
    code, said = calm.run("approve", "--version", "1")
    assert (code, "version 1 is approved already" in said) == (0, True)
    assert shares(calm) == {"champion": 1}
    assert "pinned by" not in calm.run("list")[1]


def test_a_verb_that_was_killed_can_be_run_again(calm: Estate) -> None:
    documents.write(boto3.Session(), calm.names, pinned(calm, 2))
    running = calm.start()
    code, said = calm.deploy("champion=v2")
    assert code == 0, said
    assert calm.answers() == "two"
    assert calm.ended(running)["status"] == "SUCCEEDED"


def test_the_later_of_two_concurrent_deployments_is_served(calm: Estate) -> None:
    documents.write(boto3.Session(), calm.names, pinned(calm, 2))
    earlier = calm.start()
    documents.write(boto3.Session(), calm.names, pinned(calm, 3))
    assert [calm.ended(one)["status"] for one in (earlier, calm.start())] == ["SUCCEEDED"] * 2
    assert calm.answers() == "three"
    assert calm.alarms() == []


def test_a_deleted_endpoint_is_created_again(calm: Estate) -> None:
    calm.studio.deleted(calm.names.endpoint)
    code, said = calm.deploy("champion=v2")
    assert code == 0, said
    assert calm.answers() == "two"


def test_weights_changed_by_hand_are_reset(calm: Estate) -> None:
    variants = ("champion=v1:3", "challenger=v2")
    assert calm.deploy(*variants)[0] == 0
    calm.studio.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=calm.names.endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": "challenger", "DesiredWeight": 7}],
    )
    calm.studio.settled(calm.names.endpoint)
    assert shares(calm)["challenger"] == 7
    code, said = calm.deploy(*variants)
    assert code == 0, said
    assert shares(calm) == {"champion": 3, "challenger": 1}


def test_an_item_that_is_no_release_is_reported_and_not_served(calm: Estate) -> None:
    table = calm.studio.client("dynamodb")
    table.put_item(
        TableName=calm.names.releases_table,
        Item={"workload": {"S": "forecast"}, "format": {"N": "1"}, "colour": {"S": "red"}},
    )
    found = calm.ended(calm.start())
    assert found["status"] == "FAILED"
    assert "unknown members: colour" in found["cause"]
    (message,) = calm.alarms()
    assert message.startswith(found["cause"])
    assert calm.answers() == "one"
    code, said = calm.run("list")
    assert (code, "colour: unknown in format 1" in said) == (1, True)
    assert calm.run("approve", "--version", "1")[0] == 0, "the way back that the message names"


def test_a_rejected_version_is_not_served_even_if_it_is_pinned(calm: Estate) -> None:
    version = calm.register("four")
    calm.judge("Rejected", version)
    code, said = calm.deploy(f"champion=v{version}")
    assert (code, f"version {version} is rejected" in said) == (1, True)
    documents.write(boto3.Session(), calm.names, pinned(calm, version))
    found = calm.ended(calm.start())
    assert found["status"] == "FAILED"
    assert f"The release was removed, as it pinned version {version}" in found["cause"]
    assert calm.answers() == "one"
    assert documents.read(boto3.Session(), calm.names) is None
    assert len(calm.alarms()) == 1


def test_an_approval_during_a_deployment_is_served_in_the_end(calm: Estate) -> None:
    version = calm.register("five")
    documents.write(boto3.Session(), calm.names, pinned(calm, 2))
    deployment = calm.start()
    code, said = calm.run("approve", "--version", str(version))
    assert code == 0, said
    assert calm.ended(deployment)["status"] == "SUCCEEDED"
    assert calm.answers() == "five"
    code, said = calm.run("reject", "--version", str(version), "--reason", "made for this test")
    assert code == 0, said
    assert calm.answers() == "one"
    again = calm.run("reject", "--version", str(version), "--reason", "once more")
    assert again[0] == 0
    assert "is rejected already: made for this test" in again[1]
