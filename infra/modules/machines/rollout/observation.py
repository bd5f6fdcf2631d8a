"""Observation states of the rollout: the endpoint's current release and the requested one."""

from __future__ import annotations

import json
from typing import Any

from contracts.models import releases
from contracts.names import Names
from infra.modules.core.policy import Statement, use_of_data_key
from infra.modules.machines.rollout.steps import act, look
from infra.modules.machines.states_language import Call, State, Way, choice, expression, way
from infra.modules.machines.tasks import endpoints
from infra.modules.machines.tasks.models import describe_versions, newest_approved_version

LOOK = "Find endpoint"

_TYPES = {
    "workload": "S",
    "format": "N",
    "configuration": "S",
    "variants": "L",
    "instance_type": "S",
    "instance_count": "N",
    "newest_approved": "N",
    "written_at": "S",
}
"""Members of a release's item, with DynamoDB's names of their types."""


def weights(variants: str) -> str:
    """Returns JSONata of a text of the variants' weights, for comparison independent of order."""
    return f"$join($sort([{variants}.(name & ':' & $string($round(weight, 4)))]), ', ')"


def endpoint(names: Names) -> dict[str, State]:
    """Returns the states that set ``status``, ``serves``, ``weights`` and ``reason``."""
    found = f"$states.result.Endpoints[EndpointName = '{names.endpoint}']"
    served = "$states.result.ProductionVariants.{'name': VariantName, 'weight': CurrentWeight}"
    reason = "$states.result.FailureReason"
    return {
        LOOK: look(
            LOOK,
            endpoints.find("Endpoints", names.endpoint),
            then="Does the endpoint exist",
            status=f"$exists({found}) ? {found}.EndpointStatus : 'Missing'",
            serves="'nothing'",
            weights="''",
            reason="'there is no endpoint'",
        ),
        "Does the endpoint exist": choice(
            "Describe endpoint", ("$status = 'Missing'", "Find newest approved")
        ),
        "Describe endpoint": look(
            "Describe endpoint",
            endpoints.describe(names),
            then="Find newest approved",
            status="$states.result.EndpointStatus",
            serves="$states.result.EndpointConfigName",
            weights=weights(served),
            reason=f"$exists({reason}) ? {reason} : 'no reason was given'",
        ),
    }


def wanted(
    names: Names, instance_type: str, instance_count: int, *, then: str, unreadable: Way
) -> dict[str, State]:
    """Returns the states that set ``version``, the newest approved one or 0, and ``wanted``.

    ``wanted`` is the requested release. A pinned release ends when a newer version is approved or
    one of its own is rejected: its item is then removed, and the observation starts from scratch.

    Parameters
    ----------
    unreadable
        Transition for an item that is not a valid release; ``fault`` holds the reason.
    """
    newest = "$states.result.ModelPackageSummaryList[0].ModelPackageVersion"
    item = "$states.result.Item"
    by_default = releases.of_version_in_jsonata(names, instance_type, instance_count)
    pinned = f"[$distinct($wanted.variants[version > 0].('{package_prefix(names)}' & version))]"
    rejected = "$states.result.ModelPackageSummaries.*[ModelApprovalStatus = 'Rejected']"
    removed = (
        "'The release was removed, as it pinned version ' & $refused[0] & ', which is rejected'"
    )
    return {
        "Find newest approved": look(
            "Find newest approved",
            newest_approved_version(names.model_package_group),
            then="Read release",
            version=f"$exists({newest}) ? {newest} : 0",
        ),
        "Read release": look(
            "Read release",
            _table(names, "getItem", {"ConsistentRead": True}),
            then="Is a release pinned",
            pinned=f"$exists({item}.workload)",
            wanted=_release(item),
            fault=_fault(item),
        ),
        "Is a release pinned": choice(
            "Does it pin versions",
            ("$not($pinned) and $version = 0", way(then, wanted={"configuration": ""})),
            ("$not($pinned)", way(then, wanted=expression(by_default))),
            ("$fault != ''", unreadable),
            ("$wanted.newest_approved < $version", way("Remove release", ending="")),
        ),
        "Does it pin versions": choice(
            "Describe pinned versions", ("$count($wanted.variants.version) = 0", then)
        ),
        "Describe pinned versions": look(
            "Describe pinned versions",
            describe_versions(names, names.model_package_group, pinned),
            then="Is a pinned version rejected",
            refused=f"[{rejected}.ModelPackageVersion]",
        ),
        "Is a pinned version rejected": choice(
            then,
            ("$rejected in $refused", way("Remove release", ending="")),
            ("$count($refused) > 0", way("Remove release", ending=expression(removed))),
        ),
        "Remove release": act(
            "Remove release",
            _table(
                names,
                "deleteItem",
                {
                    "ConditionExpression": "written_at = :seen",  # leaves a newer item alone
                    "ExpressionAttributeValues": {":seen": {"S": expression("$wanted.written_at")}},
                },
            ),
            then=LOOK,
            note="$ending",
        ),
    }


def package_prefix(names: Names) -> str:
    """Returns the prefix of the ARNs of all versions, which end in their numbers."""
    return names.arn("sagemaker", f"model-package/{names.model_package_group}/")


def _table(names: Names, operation: str, arguments: dict[str, Any]) -> Call:
    return Call(
        f"dynamodb:{operation}",
        {
            "TableName": names.releases_table,
            "Key": {"workload": {"S": names.workload.name}},
            **arguments,
        },
        (
            Statement(
                "UseRelease",
                (f"dynamodb:{operation[0].upper()}{operation[1:]}",),
                (names.table_arn(names.releases_table),),
                conditions={
                    "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [names.workload.name]}
                },
            ),
            use_of_data_key(names),  # the table is encrypted with it
        ),
    )


def _release(item: str) -> str:
    """Returns JSONata of the release in an item, without DynamoDB's type tags."""
    return (
        f"($item := {item}; {{'configuration': $item.configuration.S, "
        "'instance_type': $item.instance_type.S, "
        "'instance_count': $number($item.instance_count.N), "
        "'newest_approved': $number($item.newest_approved.N), "
        "'written_at': $item.written_at.S, "
        f"'variants': [{_variants('$item')}]}})"
    )


def _variants(item: str) -> str:
    return (
        f"{item}.variants.L.M.{{'name': name.S, 'model': model.S, 'weight': $number(weight.N), "
        "'version': $number(version.N), 'training_job': training_job.S}"
    )


def _fault(item: str) -> str:
    """Returns JSONata of why this machine can't deploy an item; '' if it can.

    `contracts.models.releases.read` checks more. This rejects items that were written by other
    means than the commands.
    """
    return (
        f"($item := {item}; $types := {json.dumps(_TYPES, allow_nan=False)}; "
        "$unknown := [$keys($item)[$not($ in $keys($types))]]; "
        "$wrong := [$keys($types)["
        "$not($exists($lookup($lookup($item, $), $lookup($types, $))))]]; "
        f"$complete := [{_variants('$item')}].($exists(name) and $exists(model) "
        "and $exists(weight) and $exists(version) != $exists(training_job)); "
        "$not($exists($item.workload)) ? '' : "
        f"$not($item.format.N = '{releases.FORMAT}') ? 'expected format {releases.FORMAT}' : "
        "$count($unknown) > 0 ? 'unknown members: ' & $join($unknown, ', ') : "
        "$count($wrong) > 0 ? 'members missing or of another type: ' & $join($wrong, ', ') : "
        "$count($item.variants.L) = 0 or $count($complete) < $count($item.variants.L) "
        "or false in $complete ? "
        "'every variant needs a name, a model, a weight and its version or training job' : '')"
    )
