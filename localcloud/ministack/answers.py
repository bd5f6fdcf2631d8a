"""Corrects responses of ministack that differ from AWS's and confuse Terraform.

Each correction says what happens without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from ministack.services import apigateway_v1, glue, s3

Answer = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Installs the corrections in ministack."""
    apigateway_v1._create_api_key = _generating_values(apigateway_v1._create_api_key)
    glue._create_trigger = _without_empty_parts(glue._create_trigger)
    s3._create_multipart_upload = _noting_tags(s3._create_multipart_upload)
    s3._complete_multipart_upload = _setting_tags(s3._complete_multipart_upload)


def _generating_values(
    create: Callable[[dict[str, Any]], Answer],
) -> Callable[[dict[str, Any]], Answer]:
    """Removes an empty value from the request to create an API key.

    Terraform's provider sends an empty value if none is configured. API Gateway then generates a
    value; ministack refuses the empty one as too short.
    """

    def create_api_key(data: dict[str, Any]) -> Answer:
        return create(
            {name: value for name, value in data.items() if (name, value) != ("value", "")}
        )

    return create_api_key


def _without_empty_parts(
    create: Callable[[dict[str, Any]], Answer],
) -> Callable[[dict[str, Any]], Answer]:
    """Removes the empty predicate that ministack adds to a Glue trigger without one.

    Terraform would remove it at every apply.
    """

    def create_trigger(data: dict[str, Any]) -> Answer:
        answer = create(data)
        trigger = glue._triggers.get(data.get("Name"), {})
        if not trigger.get("Predicate", True):
            del trigger["Predicate"]
        return answer

    return create_trigger


def _noting_tags(create: Callable[..., Answer]) -> Callable[..., Answer]:
    """Keeps the tags of an upload in parts, for `_setting_tags`.

    ministack drops them, and Terraform, which uploads large files in parts, would set them at every
    apply.
    """

    def create_multipart_upload(bucket: str, key: str, headers: dict[str, str]) -> Answer:
        answer = create(bucket, key, headers)
        if answer[0] == 200 and "x-amz-tagging" in headers:
            found = re.search(rb"<UploadId>([^<]+)</UploadId>", answer[2])
            if found is None:
                raise RuntimeError(f"expected an UploadId in ministack's answer; got {answer[2]!r}")
            s3._multipart_uploads[found[1].decode()]["tags"] = headers["x-amz-tagging"]
        return answer

    return create_multipart_upload


def _setting_tags(complete: Callable[..., Answer]) -> Callable[..., Answer]:
    """Sets the tags of a completed upload."""

    def complete_multipart_upload(
        bucket: str, key: str, body: bytes, query: dict[str, Any], headers: Any = None
    ) -> Answer:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {})
        answer = complete(bucket, key, body, query, headers)
        if answer[0] == 200 and "tags" in upload:
            version = s3._ensure_bucket(bucket)["objects"][key].get("version_id")
            tags = dict(parse_qsl(upload["tags"], keep_blank_values=True))
            s3._object_tags[(bucket, key, version)] = tags
        return answer

    return complete_multipart_upload
