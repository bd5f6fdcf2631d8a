"""Tests of corrections to ministack's responses."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import glue

from localcloud.ministack import answers


def trigger(**fields: Any) -> dict[str, Any]:
    """Creates a trigger and returns it as stored."""
    name = fields["Name"]
    answers._without_empty_parts(glue._create_trigger)(fields)
    found: dict[str, Any] = json.loads(glue._get_trigger({"Name": name})[2])["Trigger"]
    glue._delete_trigger({"Name": name})
    return found


def test_a_trigger_has_a_predicate_only_if_it_was_created_with_one() -> None:
    assert "Predicate" not in trigger(Name="nightly", Type="SCHEDULED")
    predicate = {"Conditions": [{"JobName": "first", "State": "SUCCEEDED"}]}
    assert trigger(Name="then", Type="CONDITIONAL", Predicate=predicate)["Predicate"] == predicate
