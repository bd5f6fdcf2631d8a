from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.services.sagemaker.endpoints import fleet
from localcloud.services.sagemaker.endpoints.variants import describe, retained


def variant(name: str, weight: float, count: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "weight": weight, "count": count, "images": [], **more}


def test_retained_variants_keep_their_weight_and_count() -> None:
    old = [variant("a", 9.0, 3), variant("gone", 1.0, 1)]
    new = [variant("a", 1.0, 1, model="newer"), variant("b", 0.5, 2)]
    assert retained(new, old, []) == [
        variant("a", 9.0, 3, model="newer"),
        variant("b", 0.5, 2),
    ]


def test_excluded_properties_are_not_retained() -> None:
    kept = retained(
        [variant("a", 1.0, 1)],
        [variant("a", 9.0, 3)],
        [{"VariantPropertyType": "DesiredInstanceCount"}],
    )
    assert kept == [variant("a", 9.0, 1)]


def test_pending_variants_have_no_current_weight_or_instances() -> None:
    (shown,) = describe({"Variants": [variant("a", 2.0, 3)]}, pending=True)
    assert (shown["CurrentWeight"], shown["DesiredWeight"]) == (0.0, 2.0)
    assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]) == (0, 3)


def fleet_of(**weights: float) -> fleet.Fleet:
    """Makes a fleet without running instances."""
    made = fleet.Fleet("endpoint", None, [], None)  # type: ignore[arg-type]
    for name, weight in weights.items():
        plan = SimpleNamespace(name=name, weight=weight)
        made.variants[name] = fleet.Variant(plan, None)  # type: ignore[arg-type]
    return made


def test_variant_without_weight_gets_no_traffic_but_can_be_targeted() -> None:
    made = fleet_of(a=1.0, b=0.0)
    assert {made.pick().plan.name for _ in range(100)} == {"a"}
    assert made.pick("b") is made.variants["b"]
    assert made.pick("c") is None


def test_variants_share_traffic_evenly_if_all_weights_are_zero() -> None:
    made = fleet_of(a=0.0, b=0.0)
    assert {made.pick().plan.name for _ in range(200)} == {"a", "b"}


def test_healthy_instances_take_turns() -> None:
    one = fleet_of(a=1.0).variants["a"]
    sick, first, second = (SimpleNamespace(healthy=healthy) for healthy in (False, True, True))
    one.instances = [sick, first, second]  # type: ignore[list-item]
    assert [one.next_instance() for _ in range(4)] == [first, second, first, second]
    one.instances = [sick]  # type: ignore[list-item]
    assert one.next_instance() is None


@pytest.mark.parametrize("weights", [{"only": 1.0}, {"only": 0.0}])
def test_only_variant_gets_all_traffic(weights: dict[str, float]) -> None:
    assert fleet_of(**weights).pick().plan.name == "only"
