"""Makes operations with a ClientToken idempotent.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html
"""

from __future__ import annotations

from typing import Any

from localcloud.cloud.store import Record, Store
from localcloud.services.sagemaker.refusals import validation

_KIND = "client-token"
_MEMBER = "ClientToken"


class ClientTokens:
    """Requests with a ClientToken, and their responses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def response(self, operation: str, request: dict[str, Any]) -> Record | None:
        """Returns the response to the first request with the token; None if there was none.

        Raises
        ------
        AwsError
            If the first request had other members.
        """
        known = self._store.get(_KIND, _key(operation, request)) if _MEMBER in request else None
        if known is None:
            return None
        if known["Request"] != request:
            raise validation(
                f"The ClientToken {request[_MEMBER]} was used in a {operation} request with other "
                "parameters."
            )
        response: Record = known["Response"]
        return response

    def keep(self, operation: str, request: dict[str, Any], response: Record) -> Record:
        """Stores the response to a request that has a token, and returns it."""
        if _MEMBER in request:
            document = {"Request": request, "Response": response}
            self._store.put(_KIND, _key(operation, request), document)
        return response


def _key(operation: str, request: dict[str, Any]) -> str:
    return f"{operation}/{request[_MEMBER]}"
