"""Describes production variants and retains their properties in updates."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.cloud.store import Record

_RETAINABLE = {"DesiredWeight": "weight", "DesiredInstanceCount": "count"}


def deployed_images(image: str) -> list[Record]:
    """Returns DeployedImages; the local cloud has no digests to resolve the image to."""
    return [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": time.time()}]


def describe(deployment: Mapping[str, Any], *, pending: bool) -> list[Record]:
    """Returns a deployment's ProductionVariants; a pending one has no current instances."""
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
    """Returns the new variants with the current weights and counts of the same names.

    Implements UpdateEndpoint's RetainAllVariantProperties and ExcludeRetainedVariantProperties.
    """
    excluded_types = {item["VariantPropertyType"] for item in excluded}
    kept = [member for property_, member in _RETAINABLE.items() if property_ not in excluded_types]
    before = {variant["name"]: variant for variant in old}
    return [
        {**variant, **{member: before[variant["name"]][member] for member in kept}}
        if variant["name"] in before
        else variant
        for variant in new
    ]
