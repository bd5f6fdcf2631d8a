"""Declares what a service does with each member of its requests, so that none is ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.cloud.aws_api import AwsError

Request = dict[str, Any]
Operation = Callable[[Request], Request | None]


@dataclass(frozen=True)
class Members:
    """Members of one operation's requests, as words.

    Parameters
    ----------
    used
        Members that have their effect.
    stored
        Members that are kept and returned, and have no effect.
    refused
        Members that are refused, each with the values that are accepted all the same, as they ask
        for what the service does anyway.
    """

    used: str = ""
    stored: str = ""
    refused: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """All declared members."""
        return {*self.used.split(), *self.stored.split(), *self.refused}

    def check(self, request: Request, error: str) -> None:
        """Refuses a request with a member or a value that is not supported.

        Raises
        ------
        AwsError
            With this error code, the member and the values that are supported.
        """
        for name, accepted in self.refused.items():
            if name in request and request[name] not in accepted:
                values = " or ".join(map(repr, accepted)) or "none"
                raise AwsError(
                    error,
                    f"The local cloud does not support the member {name} with this value: expected "
                    f"{values}; got {request[name]!r}",
                )


class Declared:
    """Operations that refuse what their service does not support.

    Parameters
    ----------
    members
        Members by operation, named as in boto3. Operations that are not in it do not exist.
    families
        Objects with the operations as methods.
    error
        Error code of a refused member.
    """

    def __init__(
        self, members: Mapping[str, Members], *families: object, error: str = "ValidationException"
    ) -> None:
        self._members = members
        self._families = families
        self._error = error

    def __getattr__(self, method: str) -> Operation:
        if method not in self._members:
            raise AttributeError(method)
        found = (getattr(family, method, None) for family in self._families)
        call: Operation = next(one for one in found if one is not None)

        def operation(request: Request) -> Request | None:
            self._members[method].check(request, self._error)
            return call(request)

        return operation
