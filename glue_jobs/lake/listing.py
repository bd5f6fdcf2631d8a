"""Lists and opens objects through Arrow: all of them, with any name, on S3 or on a disk.

Spark does not list objects whose names begin with an underscore or a dot, and reads whole objects
into Java's heap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

import pyarrow.fs
from pyarrow.fs import FileSelector, FileSystem, FileType


@dataclass(frozen=True)
class ListedObject:
    """An object, its URI (not encoded) and its size in bytes."""

    uri: str
    size: int


def objects_below(folders: Iterable[str]) -> list[ListedObject]:
    """Return all objects in folders and below them, in the order of their URIs.

    Parameters
    ----------
    folders
        URIs ending in a slash; ``s3://`` or ``file://``.
    """
    found: list[ListedObject] = []
    for folder in folders:
        files, place = _located(folder)
        scheme = folder.partition("://")[0]
        below = FileSelector(place.rstrip("/"), recursive=True, allow_not_found=True)
        items = files.get_file_info(below)
        found += [
            ListedObject(f"{scheme}://{item.path}", item.size)
            for item in items
            if item.type == FileType.File
        ]
    return sorted(found, key=lambda one: one.uri)


def opened(uri: str) -> BinaryIO:
    """Open an object of `objects_below` for reading, as it is: not decompressed by its name."""
    files, place = _located(uri)
    source: BinaryIO = files.open_input_stream(place, compression=None)
    return source


def shared_out(objects: Iterable[ListedObject], shares: int) -> list[list[str]]:
    """Return at most ``shares`` lists of URIs of about the same size in total."""
    largest_first = sorted(objects, key=lambda one: (-one.size, one.uri))
    return [
        [one.uri for one in share]
        for number in range(shares)
        if (share := largest_first[number::shares])
    ]


def _located(uri: str) -> tuple[FileSystem, str]:
    """Return the file system of a URI, and the path in it."""
    scheme, _, place = uri.partition("://")
    if scheme == "file":
        return _file_system("file:///"), place
    if scheme == "s3":
        return _file_system(f"s3://{place.partition('/')[0]}"), place
    raise ValueError(f"expected a URI beginning with s3:// or file://; got {uri}")


@cache
def _file_system(root: str) -> FileSystem:
    return pyarrow.fs.FileSystem.from_uri(root)[0]
