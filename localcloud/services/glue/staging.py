"""Copies a job's S3 locations to disk before it runs and uploads its changes afterwards.

No S3 file system for Spark is available from a package registry, so each ``s3://`` URI in a job's
arguments becomes a ``file://`` URI. On AWS, jobs read and write S3 while they run; here a job's
output appears in S3 when its script ends, with or without an error. If the run is stopped, its
output is discarded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

S3_URI = re.compile(r"^s3[an]?://([^/]+)/?(.*)$")
LOG_ENTRY = re.compile(r"/_delta_log/\d{20}\.json$")
IN_LOG = "/_delta_log/"
EXISTS_ALREADY = ("PreconditionFailed", "ConditionalRequestConflict")
CONNECTIONS = 8
KEYS_PER_DELETE = 1000

Signature = tuple[int, int]


class StagingError(Exception):
    """A job's inputs or output cannot be staged, or are not supported; the message says why."""


class CommitLostError(StagingError):
    """Another run has committed to the same table since this run fetched its data."""


class Staging:
    """Local copies of the S3 locations of one run, at ``<folder>/<bucket>/<key>``.

    Parameters
    ----------
    s3
        Client with the permissions of the job's role.
    folder
        Folder of the copies.
    """

    def __init__(self, s3: Any, folder: Path) -> None:
        self._s3 = s3
        self._folder = folder
        self._roots: list[tuple[str, str]] = []
        self._fetched: dict[Path, Signature] = {}

    def fetch(self, uri: str) -> str:
        """Downloads an object, or all objects below a prefix, and returns its ``file://`` URI.

        An empty prefix becomes an empty folder.

        Raises
        ------
        StagingError
            If it cannot be read.
        """
        bucket, key = split(uri)
        prefix = key if key.endswith("/") or not key else f"{key}/"
        self._roots.append((bucket, prefix))
        place = self._folder / bucket / key
        try:
            keys = list(self._keys(bucket, prefix))
            if not keys and not uri.endswith("/") and self._exists(bucket, key):
                self._download(bucket, key)
                return f"file://{place}"
            place.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(CONNECTIONS) as threads:
                list(threads.map(lambda found: self._download(bucket, found), keys))
        except (ClientError, BotoCoreError) as error:
            raise StagingError(f"the job's role cannot read {uri}: {error}") from error
        return f"file://{place}{'/' if uri.endswith('/') else ''}"

    def fetch_file(self, uri: str, target: Path) -> Path:
        """Downloads one object, such as a script, to a path.

        Raises
        ------
        StagingError
            If it does not exist or cannot be read.
        """
        bucket, key = split(uri)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._s3.download_file(bucket, key, str(target))
        except (ClientError, BotoCoreError) as error:
            raise StagingError(f"the job's role cannot read {uri}: {error}") from error
        return target

    def put_back(self) -> None:
        """Uploads new and changed files, then deletes the objects whose files are missing.

        Uploading first ensures that a reader always finds either the old or the new files of a day.

        Raises
        ------
        CommitLostError
            If another run has written the same entry to a table's log.
        StagingError
            If the job's role cannot write.
        """
        now = {path: _signature(path) for path in self._files()}
        changed = [path for path, signature in now.items() if self._fetched.get(path) != signature]
        deleted = [path for path in self._fetched if not path.is_file()]
        entries = [path for path in changed if LOG_ENTRY.search(path.as_posix())]
        # Checkpoints refer to log entries, so they are uploaded after them.
        checkpoints = [p for p in changed if IN_LOG in p.as_posix() and p not in entries]
        try:
            self._upload_all(path for path in changed if IN_LOG not in path.as_posix())
            for path in sorted(entries, key=lambda path: now[path][1]):
                self._upload_entry(path)
            self._upload_all(checkpoints)
            self._delete(deleted)
        except (ClientError, BotoCoreError, S3UploadFailedError) as error:
            raise StagingError(f"the job's role cannot write the job's output: {error}") from error

    def in_s3_terms(self, text: str) -> str:
        """Replaces local paths in a text by their S3 URIs."""
        return re.sub(rf"(?:file:/*)?{re.escape(str(self._folder))}/", "s3://", text)

    def _files(self) -> Iterator[Path]:
        """Yields the files below the staged roots, except hidden ones."""
        seen = set()
        for bucket, prefix in self._roots:
            for path in (self._folder / bucket / prefix).rglob("*"):
                if path in seen or not path.is_file():
                    continue
                seen.add(path)
                if not path.name.startswith("."):  # checksums, temporary files
                    yield path

    def _keys(self, bucket: str, prefix: str) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", []):
                if not item["Key"].endswith("/"):  # the S3 console's marker of an empty folder
                    yield item["Key"]

    def _exists(self, bucket: str, key: str) -> bool:
        page = self._s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        return any(item["Key"] == key for item in page.get("Contents", []))

    def _download(self, bucket: str, key: str) -> None:
        path = self._folder / bucket / key
        if path in self._fetched:  # named by two arguments
            return
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise StagingError(f"s3://{bucket}/{key} would be stored outside the run's folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        found = self._s3.get_object(Bucket=bucket, Key=key)
        path.write_bytes(found["Body"].read())
        put = found["LastModified"].timestamp()
        os.utime(path, (put, put))  # a job may read the modification time
        self._fetched[path] = _signature(path)

    def _upload_all(self, paths: Iterable[Path]) -> None:
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            list(threads.map(self._upload, paths))

    def _upload_entry(self, path: Path) -> None:
        bucket, key = self._address(path)
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] not in EXISTS_ALREADY:
                raise
            raise CommitLostError(f"another run wrote s3://{bucket}/{key} first") from error

    def _upload(self, path: Path) -> None:
        bucket, key = self._address(path)
        self._s3.upload_file(str(path), bucket, key)

    def _delete(self, paths: list[Path]) -> None:
        by_bucket: dict[str, list[str]] = {}
        for path in paths:
            bucket, key = self._address(path)
            by_bucket.setdefault(bucket, []).append(key)
        for bucket, keys in by_bucket.items():
            for start in range(0, len(keys), KEYS_PER_DELETE):
                batch = [{"Key": key} for key in keys[start : start + KEYS_PER_DELETE]]
                answer = self._s3.delete_objects(
                    Bucket=bucket, Delete={"Objects": batch, "Quiet": True}
                )
                for error in answer.get("Errors", []):
                    raise StagingError(
                        f"s3://{bucket}/{error['Key']} cannot be deleted: {error['Message']}"
                    )

    def _address(self, path: Path) -> tuple[str, str]:
        bucket, _, key = path.relative_to(self._folder).as_posix().partition("/")
        return bucket, key


def split(uri: str) -> tuple[str, str]:
    """Splits an S3 URI into bucket and key.

    Raises
    ------
    StagingError
        If it is not an S3 URI.
    """
    match = S3_URI.match(uri)
    if match is None:
        raise StagingError(f"expected a URI that starts with s3://; got {uri!r}")
    return match[1], match[2]


def _signature(path: Path) -> Signature:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
