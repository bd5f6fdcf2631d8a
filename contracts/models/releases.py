"""Releases: what an endpoint is to serve, as an item of the table of releases.

The key is the workload. A release pins production variants until a newer version of the model is
approved. Without an item, all traffic goes to the newest approved version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from contracts.models import naming
from contracts.models.workloads import FORECAST
from contracts.names import Names

WORKLOAD = FORECAST.name
CHAMPION = "champion"
"""Name of the production variant where only one is wanted."""
FORMAT: Literal[1] = 1
"""Format of the item. An estate refuses formats that it does not know."""

Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]
"""Name as SageMaker takes it for variants, models and jobs."""


class ReleaseError(ValueError):
    """A release does not keep to the schema; the message names the member."""


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
        Source of the model: a version of the registry or a training job's artefact. One is given.
    """

    name: Name
    model: Name
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    version: Annotated[int, Field(ge=1)] | None = None
    training_job: Name | None = None


class Release(_Document):
    """Production variants that a workload's endpoint is to serve.

    Parameters
    ----------
    configuration
        Name of the endpoint configuration, `configuration_name`.
    instance_type, instance_count
        Instances behind each variant.
    newest_approved
        Number of the newest approved version when the release was written, 0 without one. The
        approval of a newer version ends the release.
    written_at
        ISO 8601 time. It tells two writings of one release apart.
    strategy, shadow, guard_alarms, capture, scaling
        Reserved: they must be absent until a later format gives them a meaning.
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
        """Versions of the registry that it pins."""
        return tuple(one.version for one in self.variants if one.version is not None)

    def states_the_same(self, other: Release) -> bool:
        """Whether both say the same, whenever they were written."""
        return self.model_copy(update={"written_at": other.written_at}) == other

    def to_item(self) -> dict[str, Any]:
        """The item in plain values, without absent members."""
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
    """Release of variants, with the finished name of its configuration.

    Parameters
    ----------
    variants
        Members of each `ProductionVariant`.

    Raises
    ------
    ReleaseError
        A variant does not keep to the schema, or they cannot stand side by side.
    """
    shares = [(one["name"], one["model"], one["weight"]) for one in variants]
    return read(
        names,
        {
            "workload": WORKLOAD,
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
    """Read an item in plain values.

    Raises
    ------
    ReleaseError
        The item does not keep to the schema. All faults of its members are named.
    """
    try:
        release = Release.model_validate_json(json.dumps(dict(item)))
    except ValidationError as error:
        raise ReleaseError("; ".join(_fault(one) for one in error.errors())) from None
    variants = release.variants
    if len({one.name for one in variants}) < len(variants):
        raise ReleaseError(
            f"every variant needs its own name; got {', '.join(one.name for one in variants)}"
        )
    if not sum(one.weight for one in variants):
        raise ReleaseError("at least one variant needs a weight above 0")
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
    """Arguments of ``ListModelPackages`` that find a group's newest approved version."""
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
    """Name of the endpoint configuration that a release makes."""
    shares = [(one.name, one.model, one.weight) for one in variants]
    return naming.configuration(names.endpoint, shares, instance_type, instance_count)


def of_version_in_jsonata(names: Names, instance_type: str, instance_count: int) -> str:
    """JSONata of the release of one version, given ``$version``.

    The state machine wants it where no release is pinned. It computes the names for itself, since
    an approval need not come from a verb.
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
