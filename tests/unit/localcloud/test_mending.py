"""ministack's answers, mended to what AWS says."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import glue

from localcloud import mending


def trigger(**fields: Any) -> dict[str, Any]:
    """A trigger as it is found after its creation."""
    name = fields["Name"]
    mending._without_empty_parts(glue._create_trigger)(fields)
    found: dict[str, Any] = json.loads(glue._get_trigger({"Name": name})[2])["Trigger"]
    glue._delete_trigger({"Name": name})
    return found


def test_a_trigger_has_a_predicate_only_where_it_was_given_one() -> None:
    assert "Predicate" not in trigger(Name="nightly", Type="SCHEDULED")
    predicate = {"Conditions": [{"JobName": "first", "State": "SUCCEEDED"}]}
    assert trigger(Name="then", Type="CONDITIONAL", Predicate=predicate)["Predicate"] == predicate
