from __future__ import annotations

import io
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from localcloud.services.sagemaker import artifacts
from localcloud.services.sagemaker.container import Tree


@pytest.mark.parametrize(
    ("key", "prefix", "path"),
    [
        ("data/train/a.json", "data/train/", "a.json"),
        ("data/train/a.json", "data/train", "a.json"),
        ("data/train/deep/a.json", "data/train", "deep/a.json"),
        ("data/train/a.json", "data/train/a.json", "a.json"),
        ("data/train-2/a.json", "data/tr", "train-2/a.json"),
        ("a.json", "", "a.json"),
    ],
)
def test_paths_are_relative_to_the_prefix(key: str, prefix: str, path: str) -> None:
    assert artifacts._below(key, prefix) == PurePosixPath(path)


def test_uri_of_another_scheme_is_refused() -> None:
    assert artifacts.split("s3://bucket/some/key") == ("bucket", "some/key")
    with pytest.raises(artifacts.ArtifactError, match="expected a URI like s3://"):
        artifacts.split("https://bucket/key")


class OneObject:
    """An S3 client for a bucket with a single object."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self.content)


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def fetch(content: bytes, tree: Tree) -> None:
    container: dict[str, Any] = {"ModelDataUrl": "s3://bucket/model.tar.gz"}
    artifacts.fetch_model(OneObject(content), container, tree)


def test_extracted_model_replaces_the_previous_one(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "tree")
    fetch(archive(old="1"), tree)
    fetch(archive(new="2", deep__er="3"), tree)
    found = sorted(str(p.relative_to(tree.model)) for p in tree.model.rglob("*") if p.is_file())
    assert found == ["deep/er", "new"]


def test_archive_with_paths_outside_its_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(artifacts.ArtifactError, match="Failed to extract model data archive"):
        fetch(archive(**{"..__..__evil": "x"}), Tree(tmp_path / "tree"))
    assert not (tmp_path / "evil").exists()


def test_object_with_a_path_outside_its_channel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(artifacts.ArtifactError, match="stored outside its channel's folder"):
        artifacts._download(
            OneObject(b""), "bucket", "../x", PurePosixPath("../x"), tmp_path / "channel"
        )


def data_source(uri: str, kind: str, compression: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "S3DataType": kind, "CompressionType": compression}
    return {"ModelDataSource": {"S3DataSource": source}}


@pytest.mark.parametrize(
    ("container", "kind"),
    [
        ({"ModelDataUrl": "s3://b/m.tar.gz"}, "archive"),
        (data_source("s3://b/m.tar.gz", "S3Object", "Gzip"), "archive"),
        (data_source("s3://b/m.bin", "S3Object", "None"), "object"),
        (data_source("s3://b/m/", "S3Prefix", "None"), "prefix"),
    ],
)
def test_model_data_are_an_archive_an_object_or_a_prefix(container: Any, kind: str) -> None:
    source = artifacts.model_source(container)
    assert source is not None
    assert source.kind == kind


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        (data_source("s3://b/m", "S3Prefix", "None"), "ends with a slash"),
        (data_source("s3://b/m/", "S3Prefix", "Gzip"), "has no CompressionType Gzip"),
    ],
)
def test_model_data_that_aws_does_not_accept_are_refused(container: Any, reason: str) -> None:
    with pytest.raises(artifacts.ArtifactError, match=reason):
        artifacts.model_source(container)


def test_single_object_becomes_a_file_of_the_model(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "tree")
    container = data_source("s3://b/deep/m.bin", "S3Object", "None")
    artifacts.fetch_model(OneObject(b"weights"), container, tree)
    assert {path.name: path.read_bytes() for path in tree.model.iterdir()} == {"m.bin": b"weights"}
