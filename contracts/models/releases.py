"""Releases: the models that an endpoint should serve, as items of the table of releases.

The key is the workload. A release pins production variants until a newer version of the model is
approved. Without an item, all traffic goes to the newest approved version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from contracts.models import naming
from contracts.names import Names

CHAMPION = "champion"
"""Name of the production variant if there is only one."""
FORMAT: Literal[1] = 1
"""Format of the item. An estate refuses formats that it does not know."""

Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]
"""A name that SageMaker accepts for variants, models and jobs."""


class ReleaseError(ValueError):
    """A release does not match the schema; the message names the member."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProductionVariant(_Document):
    """One model behind the endpoint.

    Parameters
    ----------
    model
        SageMaker model that is served.
    weight
        Share of the traffic, relative to the other variants' weights.
    version, training_job
        Source of the model: a version in the registry or a training job; exactly one is given.
    """

    name: Name
    model: Name
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    version: Annotated[int, Field(ge=1)] | None = None
    training_job: Name | None = None


class Release(_Document):
    """Production variants that a workload's endpoint should serve.

    Parameters
    ----------
    configuration
        Name of the endpoint configuration, `configuration_name`.
    instance_type, instance_count
        Instances behind each variant.
    newest_approved
        Number of the newest approved version when the release was written; 0 if there was none.
        The approval of a newer version ends the release.
        written_at
            ISO 8601 time. It distinguishes two writes of the same release.
        strategy, shadow, guard_alarms, capture, scaling
            Reserved: they must be absent until a later format defines them.
    """

    workload: Text
    format: Literal[1] = FORMAT
    configuration: Name
    variants: Annotated[tuple[ProductionVariant, ...], Field(min_length=1, max_length=10)]
    instance_type: Text
    instance_count: Annotated[int, Field(ge=1)]
    newest_approved: Annotated[int, Field(ge=0)]
    written_at: Text
    strategy: None = None
    shadow: None = None
    guard_alarms: None = None
    capture: None = None
    scaling: None = None

    @property
    def versions(self) -> tuple[int, ...]:
        """Returns the registry versions that the release pins."""
        return tuple(one.version for one in self.variants if one.version is not None)

    def states_the_same(self, other: Release) -> bool:
        """Returns whether two releases are equal apart from the time they were written."""
        return self.model_copy(update={"written_at": other.written_at}) == other

    def to_item(self) -> dict[str, Any]:
        """Returns the item in plain values, without absent members."""
        return self.model_dump(mode="json", exclude_none=True)


def of_variants(
    names: Names,
    variants: Sequence[Mapping[str, Any]],
    *,
    instance_type: str,
    instance_count: int,
    newest_approved: int,
    written_at: str,
) -> Release:
    """Builds a release of variants, including the name of its endpoint configuration.

    Parameters
    ----------
    variants
        Members of each `ProductionVariant`.

    Raises
    ------
    ReleaseError
        A variant does not match the schema, or the variants cannot be combined.
    """
    shares = [(one["name"], one["model"], one["weight"]) for one in variants]
    return read(
        names,
        {
            "workload": names.workload.name,
            "format": FORMAT,
            "configuration": naming.configuration(
                names.endpoint, shares, instance_type, instance_count
            ),
            "variants": [dict(one) for one in variants],
            "instance_type": instance_type,
            "instance_count": instance_count,
            "newest_approved": newest_approved,
            "written_at": written_at,
        },
    )


def read(names: Names, item: Mapping[str, Any]) -> Release:
    """Reads an item in plain values.

    Raises
    ------
    ReleaseError
        The item does not match the schema; the message names all faults of its members.
    """
    try:
        release = Release.model_validate_json(json.dumps(dict(item), allow_nan=False))
    except ValidationError as error:
        raise ReleaseError("; ".join(_fault(one) for one in error.errors())) from None
    variants = release.variants
    if len({one.name for one in variants}) < len(variants):
        raise ReleaseError(
            f"every variant needs its own name; got {', '.join(one.name for one in variants)}"
        )
    if not sum(one.weight for one in variants):
        raise ReleaseError("at least one variant needs a weight above 0")
    if release.workload != names.workload.name:
        raise ReleaseError(f"workload: expected {names.workload.name}; got {release.workload}")
    for one in variants:
        _check_source(names, one)
    expected = configuration_name(names, variants, release.instance_type, release.instance_count)
    if release.configuration != expected:
        raise ReleaseError(
            f"configuration: expected {expected}, the name of these variants; "
            f"got {release.configuration}"
        )
    return release


def newest_approved(group: str) -> dict[str, Any]:
    """Returns the arguments of ``ListModelPackages`` for a group's newest approved version."""
    return {
        "ModelPackageGroupName": group,
        "ModelApprovalStatus": "Approved",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 1,
    }


def configuration_name(
    names: Names, variants: Sequence[ProductionVariant], instance_type: str, instance_count: int
) -> str:
    """Returns the name of a release's endpoint configuration."""
    shares = [(one.name, one.model, one.weight) for one in variants]
    return naming.configuration(names.endpoint, shares, instance_type, instance_count)


def of_version_in_jsonata(names: Names, instance_type: str, instance_count: int) -> str:
    """Returns JSONata that builds the release of one version, given ``$version``.

    The state machine uses it if no release is pinned. It computes the names itself, because an
    approval need not come from the command line.
    """
    variants = (
        f"[{{'name': '{CHAMPION}', 'model': {naming.model_in_jsonata(names)}, 'weight': 1, "
        "'version': $version}]"
    )
    configuration = naming.configuration_in_jsonata(
        names.endpoint, "$variants", instance_type, instance_count
    )
    return (
        f"($variants := {variants}; {{'configuration': {configuration}, 'variants': $variants, "
        f"'instance_type': '{instance_type}', 'instance_count': {instance_count}}})"
    )


def _check_source(names: Names, variant: ProductionVariant) -> None:
    if (variant.version is None) == (variant.training_job is None):
        raise ReleaseError(f"variant {variant.name}: expected either a version or a training_job")
    expected = (
        variant.training_job if variant.version is None else naming.model(names, variant.version)
    )
    if variant.model != expected:
        raise ReleaseError(
            f"variant {variant.name}: expected model {expected}; got {variant.model}"
        )


def _fault(error: Mapping[str, Any]) -> str:
    member = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{member}: unknown in format {FORMAT}"
    if error["type"] == "none_required":
        return f"{member}: reserved, format {FORMAT} does not carry it out"
    if error["type"] == "missing":
        return f"{member}: missing"
    return f"{member}: {error['msg'].lower()}; got {error['input']!r}"
