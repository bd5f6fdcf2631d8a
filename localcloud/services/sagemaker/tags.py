"""Serves AddTags, DeleteTags and ListTags for all SageMaker resources."""

from __future__ import annotations

from typing import Any

from localcloud.cloud.store import Store
from localcloud.services.sagemaker.refusals import validation

_KIND = "tags"
_MAX_TAGS = 50


class Tags:
    """Tags by ARN, with an entry for each existing resource."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def set(self, arn: str, tags: list[dict[str, str]]) -> None:
        """Sets the tags of a new resource."""
        self._store.put(_KIND, arn, {"Tags": _merged([], tags)})

    def forget(self, arn: str) -> None:
        """Removes the tags of a deleted resource."""
        self._store.delete(_KIND, arn)

    def add_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._store.lock:
            tags = _merged(self._get(request["ResourceArn"]), request["Tags"])
            self._store.put(_KIND, request["ResourceArn"], {"Tags": tags})
        return {"Tags": tags}

    def delete_tags(self, request: dict[str, Any]) -> None:
        with self._store.lock:
            tags = self._get(request["ResourceArn"])
            kept = [tag for tag in tags if tag["Key"] not in request["TagKeys"]]
            self._store.put(_KIND, request["ResourceArn"], {"Tags": kept})

    def list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        # MaxResults is at least the maximum number of tags, so there is no further page
        return {"Tags": self._get(request["ResourceArn"])[: request.get("MaxResults", _MAX_TAGS)]}

    def _get(self, arn: str) -> list[dict[str, str]]:
        document = self._store.get(_KIND, arn)
        if document is None:
            raise validation(f"Could not find resource {arn}.")
        tags: list[dict[str, str]] = document["Tags"]
        return tags


def _merged(old: list[dict[str, str]], new: list[dict[str, str]]) -> list[dict[str, str]]:
    merged = {tag["Key"]: tag["Value"] for tag in (*old, *new)}
    if len(merged) > _MAX_TAGS:
        raise validation(f"A resource can have {_MAX_TAGS} tags; got {len(merged)}.")
    return [{"Key": key, "Value": value} for key, value in merged.items()]
