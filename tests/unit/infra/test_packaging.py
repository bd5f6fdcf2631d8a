from __future__ import annotations

import base64
import hashlib
import io
import os
import zipfile

import pytest

from infra.modules.core.packaging import store, zip_of


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "sources"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "inner/rules.json").write_text("{}")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/x.cpython-311.pyc").write_bytes(b"compiled")
    (folder / "notes.txt").write_text("not shipped")
    return folder


def test_the_same_sources_give_the_same_bytes_whenever_they_were_written(sources):
    before = zip_of({"part": sources})
    for file in sources.rglob("*"):
        os.utime(file, (1, 1))
        file.chmod(0o700)

    assert zip_of({"part": sources}) == before


def test_changed_sources_give_other_bytes(sources):
    before = zip_of({"part": sources})
    (sources / "inner/rules.json").write_text("[]")

    assert zip_of({"part": sources}) != before


def test_only_modules_and_data_are_shipped(sources):
    with zipfile.ZipFile(io.BytesIO(zip_of({"part": sources}))) as archive:
        assert archive.namelist() == ["part/__init__.py", "part/inner/rules.json"]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def test_an_empty_package_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no code"):
        zip_of({"part": tmp_path})


def test_a_stored_package_is_known_by_its_hash(tmp_path):
    folder = tmp_path / "artifacts"

    package = store(b"code", "job.py", folder)

    digest = hashlib.sha256(b"code").digest()
    assert package.path.read_bytes() == b"code"
    assert package.path.name == f"job-{digest.hex()[:16]}.py"
    assert package.source == f"../artifacts/{package.path.name}"
    assert package.base64_sha256 == base64.b64encode(digest).decode()


def test_a_later_package_leaves_the_former_one_for_the_plan_that_names_it(tmp_path):
    former = store(b"one", "job.py", tmp_path)
    store(b"two", "job.py", tmp_path)

    assert former.path.read_bytes() == b"one"
