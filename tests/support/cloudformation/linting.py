"""Checks translated resources with cfn-lint, which has CloudFormation's schemas and more rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cfnlint.api import lint

from tests.support.cloudformation.translation import UNKNOWN
from tests.support.sessions import REGION

_OF_TEMPLATES = frozenset({"E3010", "E3019", "W2001"})
"""Rules on a template: its size, an unused parameter, and names that occur once, which those of
resources that are translated in several parts do not."""


@dataclass(frozen=True)
class Finding:
    """A fault that cfn-lint reports.

    Parameters
    ----------
    at
        Number of the resource.
    place
        Path within its properties.
    rule
        cfn-lint's name of the rule, such as E3034.
    """

    at: int
    place: tuple[str | int, ...]
    rule: str
    message: str


def findings(resources: Iterable[tuple[str, Any]]) -> list[Finding]:
    """Returns the faults of resources, given as types and properties of CloudFormation."""
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {UNKNOWN["Ref"]: {"Type": "String"}},
        "Resources": {
            f"R{at}": {"Type": kind, "Properties": properties}
            for at, (kind, properties) in enumerate(resources)
        },
    }
    return [
        Finding(*_located(one.path), one.rule.id, one.message)
        for one in lint(json.dumps(template, allow_nan=False), None, [REGION])
        if one.rule.id not in _OF_TEMPLATES
    ]


def _located(path: Sequence[str | int]) -> tuple[int, tuple[str | int, ...]]:
    section, resource, *rest = path
    if section != "Resources":
        raise ValueError(f"cfn-lint complains about the template itself, at {list(path)}")
    return int(str(resource)[1:]), tuple(rest[1:])
