"""Checks and pages that operations of Step Functions share."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions

from contracts.json_text import parsed
from localcloud.cloud.aws_api import AwsError

Request = dict[str, Any]
Record = dict[str, Any]
_FORBIDDEN = re.compile(
    r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f\ufffe\uffff\ud800-\udfff]|\U0010ffff"
)
_PAGE = 1000
_ARN = re.compile(r"arn:[^:]+:states:[^:]+:\d{12}:\w+:.+")


def check_name(name: str) -> None:
    """Checks the name of a machine or an execution.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html

    Raises
    ------
    AwsError
        ``InvalidName``.
    """
    if not name or _FORBIDDEN.search(name):
        raise AwsError("InvalidName", f"Invalid Name: '{name}'")


def check_arn(arn: str) -> None:
    """Checks that an ARN is one of Step Functions, or raises ``InvalidArn``."""
    if not _ARN.fullmatch(arn):
        raise AwsError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn}'")


def check_json(text: str, error: str, what: str) -> None:
    """Checks that an input or output is JSON, or raises the error with AWS's wording."""
    try:
        parsed(text.encode())
    except ValueError as failure:
        raise AwsError(error, f"Invalid State Machine Execution {what}: '{failure}'") from failure


def page(records: list[Record], request: Request, member: str) -> Record:
    """Returns one page of a list operation's response.

    Raises
    ------
    AwsError
        ``InvalidToken``.
    """
    start, size = _offset(request.get("nextToken")), request.get("maxResults") or _PAGE
    if start > len(records):
        raise _invalid_token()
    end = start + size
    following = {"nextToken": _token(end)} if end < len(records) else {}
    return {member: records[start:end], **following}


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"offset {offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode().partition(" ")
        if word == "offset":
            return int(number)
    except ValueError:
        pass
    raise _invalid_token()


def _invalid_token() -> AwsError:
    return AwsError("InvalidToken", "Invalid Token: 'Invalid token'")


def ministack(operation: Callable[[Request], Any], request: Request) -> Record:
    """Returns the response of an operation of ministack, or raises its error."""
    status, _headers, body = stepfunctions._finalize_response(operation(request))
    answer: Record = json.loads(body or b"{}")
    if status >= 400:
        message = answer.get("message") or answer.get("Message") or ""
        raise AwsError(answer["__type"].rpartition("#")[2], message, status)
    return answer
