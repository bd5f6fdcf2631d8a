"""Classes of request members: every member is used, stored or refused, none is ignored.

A service has tables in TOML, with a section per operation. A path names a member and everything
below it; lists have no part in a path, as in ``InputDataConfig.ChannelName``. The longest path
decides.

used
    The service acts on the member.
stored
    AWS and the local cloud only store the member and return it.
infrastructure
    The member describes AWS's disks, networks and keys, for which a laptop has no counterpart. It
    is returned and has no effect.
only
    The values that a member can have; other values are refused.
like
    A member whose members have the classes of another operation, or of a member of one.

All other members are refused.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from localcloud.cloud.aws_api import AwsError

KINDS = ("used", "stored", "infrastructure")
REFUSED = "refused"


@dataclass(frozen=True)
class Table:
    """Table of one operation: the class and the supported values of members, by path."""

    classes: Mapping[str, str]
    only: Mapping[str, list[Any]] = field(default_factory=dict)
    like: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Table:
        """Makes a table from a section of a file; raises ValueError if a path has two classes."""
        classes: dict[str, str] = dict.fromkeys(section.get("only", {}), "used")
        for kind in KINDS:
            for path in section.get(kind, []):
                if path in classes:
                    raise ValueError(f"{path} has the classes {classes[path]} and {kind}")
                classes[path] = kind
        return cls(classes, section.get("only", {}), section.get("like", {}))

    def elsewhere(self, place: str, path: str) -> tuple[str, str]:
        """Returns the operation and the path that decide on a path below a place in `like`."""
        operation, _, prefix = self.like[place].partition(".")
        rest = path[len(place) :].lstrip(".")
        return operation, ".".join(filter(None, (prefix, rest)))


class Classes:
    """Classes of the members of all operations.

    Parameters
    ----------
    tables
        Tables by operation.
    code
        Error code of this service for something that the local cloud does not support.
    """

    def __init__(self, tables: Mapping[str, Table], code: str) -> None:
        self.tables = tables
        self._code = code

    @classmethod
    def read(cls, paths: Iterable[Path], code: str) -> Classes:
        """Reads the tables in TOML files."""
        tables: dict[str, Table] = {}
        for path in paths:
            sections = tomllib.loads(path.read_text())
            tables |= {name: Table.of(section) for name, section in sections.items()}
        return cls(tables, code)

    def find(self, operation: str, path: str) -> tuple[str, list[Any] | None]:
        """Returns a member's class and its supported values, None if it can have any."""
        table = self.tables[operation]
        for place in _prefixes(path):
            if place in table.classes:
                return table.classes[place], table.only.get(place)
            if place in table.like:
                return self.find(*table.elsewhere(place, path))
        return REFUSED, None

    def check(self, operation: str, shape: Shape, request: Mapping[str, Any]) -> None:
        """Refuses a request with an unsupported member or value.

        Raises
        ------
        AwsError
            Names all of them.
        """
        faults = [
            fault
            for path, value in values(shape, request)
            if (fault := self._fault(operation, path, value)) is not None
        ]
        if faults:
            what = f"{', '.join(dict.fromkeys(faults))} in {operation}"
            raise AwsError(self._code, f"The local cloud does not support {what}.")

    def is_above(self, operation: str, path: str) -> bool:
        """Returns whether a member below the path is supported."""
        table = self.tables[operation]
        below = f"{path}." if path else ""
        return any(one.startswith(below) for one in (*table.classes, *table.like)) or any(
            self.is_above(*table.elsewhere(place, path))
            for place in _prefixes(path)
            if place in table.like
        )

    def _fault(self, operation: str, path: str, value: Any) -> str | None:
        found, only = self.find(operation, path)
        if found == REFUSED and not (value == {} and self.is_above(operation, path)):
            return path
        if only is not None and value not in only:
            return f"{path} {value} (only {' or '.join(str(one) for one in only)})"
        return None


def values(shape: Shape, value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields path and value of each member that has no members, and of each empty structure."""
    if isinstance(shape, StructureShape) and value:
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from values(member, value[name], f"{path}.{name}" if path else name)
    elif isinstance(shape, ListShape):
        for item in value:
            yield from values(shape.member, item, path)
    else:
        yield path, value


def _prefixes(path: str) -> Iterator[str]:
    """Yields the path and the paths above it, the longest first and the empty one last."""
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""
