"""Stores data quality rulesets. Only AWS can evaluate them; starting an evaluation is refused."""

from __future__ import annotations

import time
from typing import Any

from localcloud.cloud.aws_api import AwsError
from localcloud.cloud.store import Record, Store
from localcloud.services.glue import catalogue
from localcloud.services.glue.pages import page

Request = dict[str, Any]

KIND = "data-quality-ruleset"
TAG_KIND = "dataQualityRuleset"
_MEMBERS = ("Name", "Description", "Ruleset", "TargetTable", "DataQualitySecurityConfiguration")


class DataQuality:
    """Operations on data quality rulesets.

    Parameters
    ----------
    store
        Store of the rulesets.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def create_data_quality_ruleset(self, request: Request) -> Request:
        name = request["Name"]
        if self._store.get(KIND, name) is not None:
            raise AwsError("AlreadyExistsException", f"Data quality ruleset {name} exists already")
        _check(request["Ruleset"])
        now = time.time()
        given = {key: request[key] for key in _MEMBERS if key in request}
        self._store.put(KIND, name, {**given, "CreatedOn": now, "LastModifiedOn": now})
        catalogue.tag(TAG_KIND, name, request.get("Tags", {}))
        return {"Name": name}

    def get_data_quality_ruleset(self, request: Request) -> Request:
        return self._found(request["Name"])

    def update_data_quality_ruleset(self, request: Request) -> Request:
        """Changes only the members that the request contains."""
        record = self._found(request["Name"])
        for key in ("Description", "Ruleset"):
            if key in request:
                record[key] = request[key]
        record["LastModifiedOn"] = time.time()
        _check(record["Ruleset"])
        self._store.put(KIND, request["Name"], record)
        return {key: record[key] for key in ("Name", "Description", "Ruleset") if key in record}

    def delete_data_quality_ruleset(self, request: Request) -> Request:
        self._found(request["Name"])
        self._store.delete(KIND, request["Name"])
        catalogue.untag(TAG_KIND, request["Name"])
        return {}

    def list_data_quality_rulesets(self, request: Request) -> Request:
        """Lists rulesets by name. Refuses filters other than the target table."""
        filters = dict(request.get("Filter", {}))
        table = filters.pop("TargetTable", None)
        if filters:
            raise AwsError(
                "InvalidInputException", "the local cloud filters rulesets by TargetTable only"
            )
        found = [
            {key: value for key, value in record.items() if key != "Ruleset"}
            for record in self._store.all(KIND)
            if table is None or record.get("TargetTable") == table
        ]
        return page("ListDataQualityRulesets", "Rulesets", found, request)

    def _found(self, name: str) -> Record:
        record = self._store.get(KIND, name)
        if record is None:
            raise AwsError("EntityNotFoundException", f"Data quality ruleset {name} not found")
        return record


def _check(ruleset: str) -> None:
    """Checks what is possible without a DQDL parser."""
    text = ruleset.strip()
    if not (text.startswith("Rules") and text.endswith("]") and text.count('"') % 2 == 0):
        raise AwsError(
            "InvalidInputException", f"expected DQDL of the form Rules = [ … ]; got {text[:60]!r}"
        )
