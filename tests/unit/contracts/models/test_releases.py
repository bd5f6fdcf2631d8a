"""Release documents: what they may say, and their names in Python and in JSONata."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.models import naming
from contracts.names import Names
from tests.support.expressions import evaluate

pytest.importorskip("pydantic", reason="the lane of Glue 6.0 has what its jobs need")

from contracts.models import releases
from contracts.models.releases import ProductionVariant, ReleaseError

NAMES = Names("prod", "123456789012", "eu-west-1")
VERSION = {"name": "champion", "model": "lakecast-prod-forecast-v12", "weight": 9, "version": 12}
JOB = {"name": "challenger", "model": "job-1", "weight": 0.5, "training_job": "job-1"}


def item(**changes: Any) -> dict[str, Any]:
    """An item whose configuration has the name of its variants, unless changes say otherwise."""
    found: dict[str, Any] = {
        "workload": "forecast",
        "format": 1,
        "variants": [VERSION, JOB],
        "instance_type": "ml.m5.large",
        "instance_count": 2,
        "newest_approved": 12,
        "written_at": "2026-11-27T05:26:00+00:00",
        **changes,
    }
    shares = [(one.get("name"), one.get("model"), one.get("weight")) for one in found["variants"]]
    name = naming.configuration(NAMES.endpoint, shares, "ml.m5.large", 2)
    return {"configuration": name, **found}


def test_a_release_is_read_as_it_was_written() -> None:
    release = releases.read(NAMES, item())
    assert releases.read(NAMES, release.to_item()) == release
    assert release.versions == (12,)
    assert release.variants[1] == ProductionVariant(
        name="challenger", model="job-1", weight=0.5, training_job="job-1"
    )
    assert release.configuration.startswith("lakecast-prod-forecast-v12-")


def test_releases_are_equal_regardless_of_when_they_were_written() -> None:
    release = releases.read(NAMES, item())
    assert release.states_the_same(releases.read(NAMES, item(written_at="later")))
    assert not release.states_the_same(releases.read(NAMES, item(variants=[VERSION])))
    assert not release.states_the_same(releases.read(NAMES, item(newest_approved=13)))


@pytest.mark.parametrize("member", ["strategy", "shadow", "guard_alarms", "capture", "scaling"])
def test_members_of_a_later_format_are_refused_and_not_ignored(member: str) -> None:
    with pytest.raises(ReleaseError, match=f"{member}: reserved, format 1 does not carry it out"):
        releases.read(NAMES, item(**{member: {"type": "canary"}}))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"format": 2}, r"format: input should be 1; got 2"),
        ({"colour": "red"}, r"colour: unknown in format 1"),
        ({"configuration": "lakecast-prod-forecast-v12"}, r"configuration: expected lakecast-prod"),
        ({"newest_approved": -1}, r"newest_approved: .*greater than or equal to 0; got -1"),
        ({"instance_count": 0}, r"instance_count: .*; got 0"),
        ({"written_at": None}, r"written_at: .*; got None"),
        ({"variants": []}, r"variants: .*at least 1"),
        ({"variants": [{**VERSION, "weight": -1}]}, r"variants\.0\.weight: .*; got -1"),
        ({"variants": [{**VERSION, "weight": "9"}]}, r"variants\.0\.weight: .*number; got '9'"),
        ({"variants": [{**VERSION, "name": "a b"}]}, r"variants\.0\.name: .*pattern"),
        ({"variants": [{**VERSION, "share": 1}]}, r"variants\.0\.share: unknown"),
        ({"variants": [{**VERSION, "model": "other"}]}, r"expected model lakecast-prod-forecast-v"),
        ({"variants": [{**VERSION, "training_job": "a"}]}, r"either a version or a training_job"),
        ({"variants": [{"name": "a", "model": "b", "weight": 1}]}, r"either a version or a train"),
        ({"variants": [VERSION, VERSION]}, r"its own name; got champion, champion"),
        ({"variants": [{**VERSION, "weight": 0}]}, r"weight above 0"),
    ],
)
def test_a_release_that_could_not_be_carried_out_is_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    if "weight" in complaint:  # the name of a nonsensical weight is of no interest
        changes = {"configuration": "any", **changes}
    with pytest.raises(ReleaseError, match=complaint):
        releases.read(NAMES, item(**changes))


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(ReleaseError, match=r"instance_count: .*; colour: "):
        releases.read(NAMES, item(instance_count="2", colour="red"))


def test_a_missing_member_is_named() -> None:
    incomplete = item()
    del incomplete["written_at"]
    with pytest.raises(ReleaseError, match="written_at: missing"):
        releases.read(NAMES, incomplete)


def test_the_machine_and_the_verbs_name_a_version_alike() -> None:
    expression = releases.of_version_in_jsonata(NAMES, "ml.m5.large", 2)
    found = evaluate(expression, version=12)
    variant = ProductionVariant(
        name="champion", model=naming.model(NAMES, 12), weight=1.0, version=12
    )
    assert found["configuration"] == releases.configuration_name(NAMES, [variant], "ml.m5.large", 2)
    release = releases.read(NAMES, item(variants=found["variants"]))
    assert release.variants == (variant,)
    assert release.configuration == found["configuration"]
