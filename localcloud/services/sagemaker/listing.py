"""Filters, sorts and pages records for SageMaker's List operations."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from botocore.utils import parse_to_aware_datetime

from localcloud.cloud.store import Record
from localcloud.services.sagemaker.refusals import validation

PAGE_SIZE = 10  # SageMaker's default; the maximum of MaxResults is 100


def page(
    records: Iterable[Record],
    request: dict[str, Any],
    *,
    name: str,
    status: str | None = None,
) -> tuple[list[Record], dict[str, Any]]:
    """Returns the records of one page and the response members that lead to the next page.

    Parameters
    ----------
    records
        Records with ``CreationTime`` and, optionally, ``LastModifiedTime`` in epoch seconds.
    request
        List request.
    name, status
        Members of the records that hold the name and the status.
    """
    found = [record for record in records if _matches(record, request, name, status)]
    by = {"Name": name, "Status": status or name}.get(
        request.get("SortBy", "CreationTime"), "CreationTime"
    )
    descending = request.get("SortOrder", "Descending") == "Descending"
    found.sort(key=lambda record: (record[by], record[name]), reverse=descending)
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", PAGE_SIZE)
    following = {"NextToken": _token(end)} if end < len(found) else {}
    return found[start:end], following


def _matches(record: Record, request: dict[str, Any], name: str, status: str | None) -> bool:
    if request.get("NameContains", "").lower() not in record[name].lower():
        return False
    if status and "StatusEquals" in request and record[status] != request["StatusEquals"]:
        return False
    for member in ("CreationTime", "LastModifiedTime"):
        moment = record.get(member, 0.0)
        if f"{member}After" in request and moment <= _epoch(request[f"{member}After"]):
            return False
        if f"{member}Before" in request and moment >= _epoch(request[f"{member}Before"]):
            return False
    return True


def _epoch(moment: Any) -> float:
    parsed: datetime = parse_to_aware_datetime(moment)
    return parsed.timestamp()


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error):
        raise validation("Invalid NextToken: use the one of the previous response.") from None
