"""Filters, sorts and pages records for SageMaker's List operations."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.utils import parse_to_aware_datetime

from localcloud.cloud.store import Record
from localcloud.services.sagemaker.refusals import validation

PAGE_SIZE = 10  # SageMaker's default; the maximum of MaxResults is 100


@dataclass(frozen=True)
class Order:
    """Defaults and rules of a List operation, which differ between operations.

    Parameters
    ----------
    name, status
        Members of the records that hold the name and the status.
    sort_by, sort_order
        Defaults of SortBy and SortOrder.
    includes_after
        Whether CreationTimeAfter includes records created at that time.
    status_filters_page
        Whether a request with MaxResults gets that number of records of any status, of which
        StatusEquals then chooses.
    """

    name: str
    status: str | None = None
    sort_by: str = "CreationTime"
    sort_order: str = "Ascending"
    includes_after: bool = False
    status_filters_page: bool = False


def page(
    records: Iterable[Record],
    request: dict[str, Any],
    order: Order,
    **keys: Callable[[Record], Any],
) -> tuple[list[Record], dict[str, Any]]:
    """Returns the records of one page and the response members that lead to the next page.

    Parameters
    ----------
    records
        Records with ``CreationTime`` and, optionally, ``LastModifiedTime`` in epoch seconds.
    request
        List request.
    keys
        Functions of a record for further values of SortBy.
    """
    found = [one for one in records if _matches(one, request, order)]
    if not (order.status_filters_page and "MaxResults" in request):
        found = _of_status(found, request, order)
    known = {
        "Name": lambda one: one[order.name],
        "Status": lambda one: one[order.status or order.name],
        "CreationTime": lambda one: one["CreationTime"],
        **keys,
    }
    key = known[request.get("SortBy", order.sort_by)]
    descending = request.get("SortOrder", order.sort_order) == "Descending"
    found.sort(key=lambda one: (key(one), one["CreationTime"], one[order.name]), reverse=descending)
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", PAGE_SIZE)
    following = {"NextToken": _token(end)} if end < len(found) else {}
    return _of_status(found[start:end], request, order), following


def _matches(record: Record, request: dict[str, Any], order: Order) -> bool:
    if request.get("NameContains", "").lower() not in record[order.name].lower():
        return False
    for member in ("CreationTime", "LastModifiedTime"):
        moment = record.get(member, 0.0)
        if f"{member}After" in request:
            start = _epoch(request[f"{member}After"])
            includes = order.includes_after and member == "CreationTime"
            if moment < start or (moment == start and not includes):
                return False
        if f"{member}Before" in request and moment >= _epoch(request[f"{member}Before"]):
            return False
    return True


def _of_status(records: list[Record], request: dict[str, Any], order: Order) -> list[Record]:
    if order.status is None or "StatusEquals" not in request:
        return records
    return [one for one in records if one[order.status] == request["StatusEquals"]]


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
