"""Operations of an API, and requests validated by its contract.

`infra.modules.api.openapi` extracts the schemas from the OpenAPI document when the function is
packaged. They are stored with the code as JSON, because Lambda's Python cannot read YAML.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from contracts.json_text import parsed
from rest_api.problems import body_too_large, invalid_request
from rest_api.schema import Fault, Schema, Validator

MAX_BODY_BYTES = 64 * 1024
"""Five times the largest sensible batch."""

Event = Mapping[str, Any]
"""An event of API Gateway's Lambda proxy integration (payload version 1.0).

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""


@dataclass(frozen=True)
class Request:
    """A valid request, with the contract's defaults filled in.

    Parameters
    ----------
    parameters
        Parameters of the path and of the query, in the contract's types.
    body
        The JSON value; None if the operation takes none.
    """

    parameters: Mapping[str, Any]
    body: Any = None


class Operation:
    """One method of one path.

    Parameters
    ----------
    description
        ``operation_id``, ``method``, ``path``, and the schemas ``path_parameters``,
        ``query_parameters`` and ``body``. Each schema describes an object; ``body`` is None if
        there is no body.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.operation_id: str = description["operation_id"]
        self.route: tuple[str, str] = description["method"], description["path"]
        self._path: Schema = description["path_parameters"]
        self._query: Schema = description["query_parameters"]
        self._validate_path = Validator(self._path)
        self._validate_query = Validator(self._query)
        body = description["body"]
        self._validate_body = None if body is None else Validator(body, "/")

    def request(self, event: Event) -> Request:
        """Read an event.

        Raises
        ------
        Problem
            413 for a body that is too large; 400 with all faults.
        """
        # A value in a path may be percent-encoded.
        raw = {name: unquote(text) for name, text in (event.get("pathParameters") or {}).items()}
        path, faults = self._validate_path.complete(_typed(self._path, raw))
        values, repeated = _given_once(_query(event))
        query, more = self._validate_query.complete(_typed(self._query, values))
        faults += repeated + more
        body = None
        if self._validate_body is not None:
            body, more = self._validate_body.complete(_json(_body(event)))
            faults += more
        if faults:
            raise invalid_request(faults)
        return Request({**path, **query}, body)


def operations(text: str | bytes) -> tuple[Operation, ...]:
    """Read ``contract.json``."""
    return tuple(Operation(description) for description in json.loads(text))


def _query(event: Event) -> Mapping[str, Sequence[str]]:
    values: Mapping[str, Sequence[str]] | None = event.get("multiValueQueryStringParameters")
    if values:
        return values
    # An event written by hand for a test often has only the single values.
    return {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}


def _given_once(query: Mapping[str, Sequence[str]]) -> tuple[dict[str, str], list[Fault]]:
    faults = [
        {"at": name, "detail": f"must be given once; got it {len(values)} times"}
        for name, values in query.items()
        if len(values) != 1
    ]
    return {name: values[0] for name, values in query.items() if values}, faults


def _typed(schema: Schema, values: Mapping[str, str]) -> dict[str, Any]:
    """Convert texts to the schema's types; a text that cannot be converted stays a text."""
    types = {name: one.get("type") for name, one in schema["properties"].items()}
    return {name: _value(types.get(name), text) for name, text in values.items()}


def _value(kind: str | None, text: str) -> Any:
    if kind == "array":  # style form, not exploded
        return text.split(",")
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,9}", text):
        return int(text)
    return text


def _body(event: Event) -> bytes:
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode(errors="surrogatepass")  # half a surrogate pair is no UTF-8: refused
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        detail = "must be base64, as the event says; got another text"
        raise invalid_request([{"at": "body", "detail": detail}]) from None


def _json(body: bytes) -> Any:
    if len(body) > MAX_BODY_BYTES:
        raise body_too_large(len(body), MAX_BODY_BYTES)
    try:
        return parsed(body)
    except ValueError as error:
        detail = f"must be a JSON object; parsing failed: {error}"
        raise invalid_request([{"at": "body", "detail": detail}]) from None
