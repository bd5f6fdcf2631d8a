"""Tests of staging: a job sees its prefixes as folders, and its changes are uploaded to S3."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.services.glue.staging import CommitLostError, Staging, StagingError, split

PUT = datetime(2026, 6, 1, tzinfo=UTC)


class Bucket:
    """S3 with one bucket that records the order of changes."""

    def __init__(self, **objects: str) -> None:
        self.objects = {key.replace("__", "/"): text.encode() for key, text in objects.items()}
        self.changes: list[str] = []

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        return [self.list_objects_v2(Bucket=Bucket, Prefix=Prefix)]

    def list_objects_v2(self, Bucket: str, Prefix: str, **_: Any) -> dict[str, Any]:
        if Bucket != "b":
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": "?"}}, "List")
        return {"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[Key]), "LastModified": PUT}

    def upload_file(self, path: str, _: str, key: str) -> None:
        self.objects[key] = Path(path).read_bytes()
        self.changes.append(f"put {key}")

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str) -> None:
        assert IfNoneMatch == "*"
        if Key in self.objects:
            raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": "?"}}, "Put")
        self.objects[Key] = Body
        self.changes.append(f"put {Key}")

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        for item in Delete["Objects"]:
            del self.objects[item["Key"]]
            self.changes.append(f"delete {item['Key']}")
        return {}


def folder(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def test_a_file_has_the_modification_time_of_its_object(tmp_path: Path) -> None:
    place = folder(Staging(Bucket(t__same="1"), tmp_path).fetch("s3://b/t/"))
    assert (place / "same").stat().st_mtime == PUT.timestamp()


def test_changed_files_are_uploaded_before_missing_ones_are_deleted(tmp_path: Path) -> None:
    s3 = Bucket(t__same="1", t__changed="2", t__gone="3", other="4")
    staging = Staging(s3, tmp_path)
    place = folder(staging.fetch("s3://b/t/"))
    assert {path.name for path in place.iterdir()} == {"same", "changed", "gone"}
    (place / "changed").write_text("two")
    (place / "gone").unlink()
    (place / "day").mkdir()
    (place / "day/new").write_text("5")
    (place / ".new.crc").write_text("a file system's own")
    staging.put_back()
    assert sorted(s3.changes[:2]) == ["put t/changed", "put t/day/new"]
    assert s3.changes[2:] == ["delete t/gone"]
    assert sorted(s3.objects) == ["other", "t/changed", "t/day/new", "t/same"]


def commit(table: Path, version: int, at: int) -> None:
    """Writes what a commit consists of: a file, then the log entry that names it."""
    (table / f"file-{version}").write_text("rows")
    entry = table / f"_delta_log/{version:020}.json"
    entry.parent.mkdir(exist_ok=True)
    entry.write_text(f"file-{version}")
    os.utime(entry, (at, at))


def test_log_entries_follow_their_files_in_the_order_of_the_commits(tmp_path: Path) -> None:
    s3 = Bucket(t__x="1")
    staging = Staging(s3, tmp_path)
    outer, inner = (folder(staging.fetch(uri)) for uri in ("s3://b/t/", "s3://b/a/"))
    commit(outer, 0, at=100)
    commit(inner, 0, at=200)
    commit(outer, 1, at=300)
    (outer / "_delta_log/_last_checkpoint").write_text("1")
    (outer / "x").unlink()
    staging.put_back()
    assert sorted(s3.changes[:3]) == ["put a/file-0", "put t/file-0", "put t/file-1"]
    assert s3.changes[3:] == [
        f"put t/_delta_log/{0:020}.json",
        f"put a/_delta_log/{0:020}.json",
        f"put t/_delta_log/{1:020}.json",
        "put t/_delta_log/_last_checkpoint",
        "delete t/x",
    ]


def test_a_run_does_not_overwrite_a_log_entry_of_another(tmp_path: Path) -> None:
    s3 = Bucket(t__x="1")
    one, other = (Staging(s3, tmp_path / name) for name in ("one", "other"))
    tables = [folder(staging.fetch("s3://b/t/")) for staging in (one, other)]
    for number, table in enumerate(tables):
        commit(table, 0, at=100)
        commit(table, 1, at=200 + number)
        (table / "x").unlink()
    one.put_back()
    del s3.changes[:]
    with pytest.raises(CommitLostError, match=rf"wrote s3://b/t/_delta_log/{0:020}\.json first"):
        other.put_back()
    assert sorted(s3.changes) == ["put t/file-0", "put t/file-1"]


def test_two_arguments_can_name_overlapping_locations(tmp_path: Path) -> None:
    s3 = Bucket(t__a__x="1")
    staging = Staging(s3, tmp_path)
    outer, inner = (folder(staging.fetch(uri)) for uri in ("s3://b/t/", "s3://b/t/a/"))
    assert (outer / "a/x").read_text() == (inner / "x").read_text() == "1"
    (inner / "x").write_text("one")
    staging.put_back()
    assert s3.changes == ["put t/a/x"]


def test_an_empty_prefix_becomes_an_empty_folder_and_uploads_nothing(tmp_path: Path) -> None:
    s3 = Bucket()
    staging = Staging(s3, tmp_path)
    uri = staging.fetch("s3://b/none/")
    assert uri.endswith("/none/")
    assert folder(uri).is_dir()
    staging.put_back()
    assert s3.changes == []


def test_a_uri_can_name_one_object(tmp_path: Path) -> None:
    staging = Staging(Bucket(t__one="1", t__one_more="2"), tmp_path)
    assert folder(staging.fetch("s3://b/t/one")).read_text() == "1"


def test_a_prefix_excludes_folders_with_longer_names(tmp_path: Path) -> None:
    staging = Staging(Bucket(tab__x="1", table__y="2"), tmp_path)
    assert [p.name for p in folder(staging.fetch("s3://b/tab")).iterdir()] == ["x"]
    assert not (tmp_path / "b/table").exists()


def test_keys_outside_the_runs_folder_are_refused(tmp_path: Path) -> None:
    staging = Staging(Bucket(**{"t__..__..__..__x": "1"}), tmp_path / "inner")
    with pytest.raises(StagingError, match="would be stored outside the run's folder"):
        staging.fetch("s3://b/t/")


def test_an_unreadable_location_is_named(tmp_path: Path) -> None:
    with pytest.raises(StagingError, match=r"cannot read s3://elsewhere/x/.*NoSuchBucket"):
        Staging(Bucket(), tmp_path).fetch("s3://elsewhere/x/")
    with pytest.raises(StagingError, match="expected a URI that starts with s3://"):
        split("/a/path")


def test_local_paths_in_messages_become_s3_uris(tmp_path: Path) -> None:
    staging = Staging(Bucket(), tmp_path)
    text = f"file:{tmp_path}/b/t/x and file://{tmp_path}/b/u and {tmp_path}/b/v"
    assert staging.in_s3_terms(text) == "s3://b/t/x and s3://b/u and s3://b/v"
