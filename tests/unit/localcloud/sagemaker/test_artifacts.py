from __future__ import annotations

import io
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from localcloud.services.sagemaker import artifacts
from localcloud.services.sagemaker.container import Tree


@pytest.mark.parametrize(
    ("key", "prefix", "place"),
    [
        ("data/train/a.json", "data/train/", "a.json"),
        ("data/train/a.json", "data/train", "a.json"),
        ("data/train/deep/a.json", "data/train", "deep/a.json"),
        ("data/train/a.json", "data/train/a.json", "a.json"),
        ("data/train-2/a.json", "data/tr", "train-2/a.json"),
        ("a.json", "", "a.json"),
    ],
)
def test_objects_lie_below_their_prefix(key: str, prefix: str, place: str) -> None:
    assert artifacts._below(key, prefix) == PurePosixPath(place)


def test_address_that_is_not_of_s3_is_refused() -> None:
    assert artifacts.split("s3://bucket/some/key") == ("bucket", "some/key")
    with pytest.raises(artifacts.ArtifactError, match="expected an address like s3://"):
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


def test_model_is_unpacked_in_place_of_what_was_there(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "tree")
    fetch(archive(old="1"), tree)
    fetch(archive(new="2", deep__er="3"), tree)
    found = sorted(str(p.relative_to(tree.model)) for p in tree.model.rglob("*") if p.is_file())
    assert found == ["deep/er", "new"]


def test_archive_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(artifacts.ArtifactError, match="Failed to extract model data archive"):
        fetch(archive(**{"..__..__evil": "x"}), Tree(tmp_path / "tree"))
    assert not (tmp_path / "evil").exists()


def test_object_that_would_leave_its_channel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(artifacts.ArtifactError, match="leave the folder"):
        artifacts._download(
            OneObject(b""), "bucket", "../x", PurePosixPath("../x"), tmp_path / "channel"
        )
