"""Serves lists of tables, and divides ministack's lists into pages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ministack.services import glue

from localcloud.cloud.aws_api import AwsError, Response
from localcloud.services.glue import catalogue
from localcloud.services.glue.pages import page

Request = dict[str, Any]

LISTS = {
    "GetClassifiers": "Classifiers",
    "GetConnections": "ConnectionList",
    "GetCrawlerMetrics": "CrawlerMetricsList",
    "GetCrawlers": "Crawlers",
    "GetDatabases": "DatabaseList",
    "GetPartitionIndexes": "PartitionIndexDescriptorList",
    "GetSecurityConfigurations": "SecurityConfigurations",
    "GetTriggers": "Triggers",
    "GetUserDefinedFunctions": "UserDefinedFunctions",
    "ListTriggers": "TriggerNames",
}
"""Members with the results of ministack's lists, which it does not divide into pages."""


class Tables:
    """Operations on tables that differ from ministack's."""

    def get_tables(self, request: Request) -> Request:
        """Returns the tables whose names match an expression, all without one."""
        found = catalogue.tables(request["DatabaseName"])
        if request.get("Expression"):
            pattern = name_pattern(request["Expression"])
            found = [table for table in found if pattern.fullmatch(table["Name"])]
        return page("GetTables", "TableList", found, request)


def name_pattern(expression: str) -> re.Pattern[str]:
    """Returns the regular expression of ``GetTables``.

    AWS documents a regular expression, and clients such as the AWS SDK for pandas send ``name*``:
    an asterisk that repeats nothing in particular stands for any text, as in Hive.

    Raises
    ------
    AwsError
        If it is no regular expression.
    """
    try:
        return re.compile(re.sub(r"(?<![.)\]])\*", ".*", expression))
    except re.error as error:
        raise AwsError(
            "InvalidInputException", f"expected a regular expression; got {expression!r}: {error}"
        ) from None


async def forward(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query_params: Mapping[str, Any],
) -> Response:
    """Handles a request by ministack, and divides lists into pages."""
    response: Response = await glue.handle_request(method, path, headers, body, query_params)
    operation = headers["x-amz-target"].rpartition(".")[2]
    if response[0] != 200 or operation not in LISTS:
        return response
    member = LISTS[operation]
    answer = json.loads(response[2])
    paged = page(operation, member, answer[member], json.loads(body or b"{}"))
    return 200, response[1], json.dumps(paged, allow_nan=False).encode()
