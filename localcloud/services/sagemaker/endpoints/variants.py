"""Production variants as DescribeEndpoint shows them, and what an update keeps of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.cloud.store import Record

_RETAINABLE = {"DesiredWeight": "weight", "DesiredInstanceCount": "count"}


def deployed_images(image: str) -> list[Record]:
    """Which image runs; the local cloud has no digests to resolve it to."""
    return [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": time.time()}]


def describe(deployment: Mapping[str, Any], *, pending: bool) -> list[Record]:
    """ProductionVariants of a deployment; of one that is pending nothing is current yet."""
    return [
        {
            "VariantName": variant["name"],
            "DeployedImages": variant["images"],
            "CurrentWeight": 0.0 if pending else variant["weight"],
            "DesiredWeight": variant.get("desired_weight", variant["weight"]),
            "CurrentInstanceCount": 0 if pending else variant["count"],
            "DesiredInstanceCount": variant.get("desired_count", variant["count"]),
        }
        for variant in deployment["Variants"]
    ]


def retained(
    new: Iterable[Record], old: Iterable[Record], excluded: Iterable[Mapping[str, str]]
) -> list[Record]:
    """New variants with the weights and counts that those of the same name have now.

    What UpdateEndpoint does with RetainAllVariantProperties, less the properties in
    ExcludeRetainedVariantProperties.
    """
    left_out = {item["VariantPropertyType"] for item in excluded}
    kept = [member for property_, member in _RETAINABLE.items() if property_ not in left_out]
    before = {variant["name"]: variant for variant in old}
    return [
        {**variant, **{member: before[variant["name"]][member] for member in kept}}
        if variant["name"] in before
        else variant
        for variant in new
    ]
