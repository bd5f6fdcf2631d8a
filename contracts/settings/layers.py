"""Merges TOML documents, later ones overriding earlier ones, and validates the result."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from contracts.errors import LakecastError
from contracts.settings.complaints import Complaint, complaints

Document = Mapping[str, Any]
Key = tuple[str, ...]
Model = TypeVar("Model", bound=BaseModel)


class SettingsError(LakecastError):
    """Settings are missing, unknown or invalid; the message has one line per complaint."""


@dataclass(frozen=True)
class Layers:
    """Documents by source, such as a file's path, in order of increasing precedence."""

    documents: Mapping[str, Document]

    @classmethod
    def read(cls, *paths: Path) -> Layers:
        """Reads TOML files.

        Raises
        ------
        SettingsError
            A file is missing or is not TOML.
        """
        return cls({str(path): _read(path) for path in paths})

    def over(self, document: Document, source: str) -> Layers:
        """Returns these layers with one more document, which takes precedence."""
        return Layers({**self.documents, source: document})

    @property
    def merged(self) -> dict[str, Any]:
        """Returns one document: tables are merged, other values replace earlier ones."""
        document: dict[str, Any] = {}
        for layer in self.documents.values():
            document = _over(document, layer)
        return document

    def sources(self, key: Key) -> list[str]:
        """Returns the sources that set a key, the one in effect first."""
        return [one for one in reversed([*self.documents]) if _holds(self.documents[one], key)]

    def leaves(self) -> Iterator[tuple[Key, Any]]:
        """Yields every setting in effect, in the order of the files."""
        return _leaves(self.merged)

    def validate(
        self, model: type[Model], at: Key = (), context: Mapping[str, Any] | None = None
    ) -> Model:
        """Validates the merged document and returns it as a model.

        Parameters
        ----------
        at
            Path of the table that the model describes; the whole document if empty.
        context
            Context for the model's validators.

        Raises
        ------
        SettingsError
            Settings are missing, unknown or invalid; the message has a line and file for each.
        """
        table: Any = self.merged
        for depth, name in enumerate(at, 1):
            if name not in table:
                raise SettingsError(self._told(Complaint(at[:depth], "is missing")))
            table = table[name]
        try:
            return model.model_validate(table, context=context)
        except ValidationError as error:
            found = complaints(error, model, at)
            raise SettingsError("\n".join(map(self._told, found))) from None

    def _told(self, complaint: Complaint) -> str:
        """Formats a complaint with the file at fault, or with all files if none sets the key."""
        at_fault = self.sources(complaint.key)[:1] or [*self.documents]
        return f"{' or '.join(at_fault)}: {complaint}"


def _read(path: Path) -> Document:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None


def _over(below: Document, above: Document) -> dict[str, Any]:
    both = {**below}
    for name, value in above.items():
        under = both.get(name)
        if isinstance(value, dict) and isinstance(under, dict):
            both[name] = _over(under, value)
        else:
            both[name] = value
    return both


def _holds(document: Any, key: Key) -> bool:
    if not key:
        return True
    if not isinstance(document, dict):
        return False
    return key[0] in document and _holds(document[key[0]], key[1:])


def _leaves(document: Document, place: Key = ()) -> Iterator[tuple[Key, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*place, name))
        else:
            yield (*place, name), value
