"""Refuses resources of services that AWS has closed to new customers."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from contracts.errors import LakecastError

_TABLE = Path(__file__).parent / "closed_services.toml"


class ClosedServiceError(LakecastError):
    """The estate has a resource that AWS refuses to a new account."""


@dataclass(frozen=True)
class ClosedService:
    """A row of ``closed_services.toml``, which describes the fields."""

    name: str
    closed: date
    types: tuple[str, ...]
    calls: tuple[str, ...]
    instead: str
    source: str

    def used_by(self, kind: str, resource: Mapping[str, Any]) -> str | None:
        """Returns what of a resource needs the service, or None if nothing does.

        Parameters
        ----------
        kind
            Terraform's type of the resource.
        """
        if any(fnmatchcase(kind, pattern) for pattern in self.types):
            return kind
        if kind != "aws_sfn_state_machine":
            return None
        # operations begin with a small letter in the ARN of a task
        return next(
            (
                one
                for one in self.calls
                if re.search(rf"\b{one}\b", resource["definition"], re.IGNORECASE)
            ),
            None,
        )


@cache
def closed_services() -> tuple[ClosedService, ...]:
    """Returns the table of services that are closed to new customers."""
    rows = tomllib.loads(_TABLE.read_text(encoding="utf-8"))["service"]
    return tuple(
        ClosedService(**row | {"types": tuple(row["types"]), "calls": tuple(row["calls"])})
        for row in rows
    )


def refuse_closed_services(
    environment: str, stacks: Mapping[str, Mapping[str, Any]], available: Sequence[str]
) -> None:
    """Raises an error if an estate needs a service that a new account does not get.

    Parameters
    ----------
    stacks
        Terraform's JSON per stack.
    available
        Names of closed services that the account used before they were closed.

    Raises
    ------
    ClosedServiceError
        A resource needs a closed service, or ``available`` has an unknown name.
    """
    known = [one.name for one in closed_services()]
    setting = f"account.closed_services in infra/environments/{environment}.toml"
    for name in available:
        if name not in known:
            raise ClosedServiceError(f"{setting}: expected one of {', '.join(known)}; got {name!r}")
    for address, kind, resource in _resources(stacks):
        for service in closed_services():
            used = service.used_by(kind, resource)
            if used is not None and service.name not in available:
                raise ClosedServiceError(
                    f"{environment}/{address} needs {service.name} for {used}: closed to new "
                    f"customers since {service.closed} ({service.source}); use {service.instead}, "
                    f"or add the name to {setting} if the account used it before"
                )


def _resources(
    stacks: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for stack, document in stacks.items():
        for kind, declared in document["resource"].items():
            for name, resource in declared.items():
                yield f"{stack}: {kind}.{name}", kind, resource
