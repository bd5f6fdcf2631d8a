"""Keeps the status of cost allocation tags; there are no costs on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.cloud.aws_api import AwsError, Handler, JsonApi
from localcloud.cloud.context import CloudContext
from localcloud.cloud.store import Store

_KIND = "tag"
_LISTED = {"Status": "Status", "Type": "Type"}


class CostExplorer:
    """The service; its state is stored in ``<home>/costexplorer``.

    AWS lists a tag's key some hours after a resource has it. Here a key is listed after its status
    was set once. https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
    """

    def __init__(self, context: CloudContext) -> None:
        home = context.home / "costexplorer"
        home.mkdir(parents=True, exist_ok=True)
        self._store = Store(home / "state.db")

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {"ce": JsonApi("ce", self)}

    async def start(self) -> None:
        """Does nothing: there is no work to resume."""

    async def stop(self) -> None:
        """Closes the store."""
        self._store.close()

    def list_cost_allocation_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        if "NextToken" in request:
            raise AwsError("ValidationException", "expected no NextToken: all tags are on one page")
        tags = [
            tag
            for tag in self._store.all(_KIND)
            if all(tag[name] == request.get(name, tag[name]) for name in _LISTED)
            and tag["TagKey"] in request.get("TagKeys", [tag["TagKey"]])
        ]
        if len(tags) > request.get("MaxResults", len(tags)):
            raise AwsError("ValidationException", f"expected MaxResults of {len(tags)} or more")
        return {"CostAllocationTags": tags}

    def update_cost_allocation_tags_status(self, request: dict[str, Any]) -> dict[str, Any]:
        for one in request["CostAllocationTagsStatus"]:
            tag = {"TagKey": one["TagKey"], "Type": "UserDefined", "Status": one["Status"]}
            self._store.put(_KIND, one["TagKey"], tag)
        return {"Errors": []}
