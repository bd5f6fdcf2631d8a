"""Tags of our own images: they change with the sources, and with nothing else."""

from __future__ import annotations

import shutil

import pytest

from contracts.models.container_images import CONTENTS, REPOSITORY, image_uri, tag
from contracts.names import Names

NAMES = Names("dev", "123456789012", "eu-west-1")


@pytest.fixture
def copy(tmp_path):
    for part in CONTENTS["boosting"]:
        shutil.copytree(REPOSITORY / part, tmp_path / part)
    return tmp_path


def test_the_image_lies_in_the_estates_own_registry(copy):
    registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/lakecast-dev-boosting"
    assert image_uri(NAMES, "boosting", copy) == f"{registry}:{tag('boosting', copy)}"


def test_the_same_sources_have_the_same_tag_wherever_they_lie(copy):
    (copy / CONTENTS["boosting"][0] / "__pycache__").mkdir(exist_ok=True)
    (copy / CONTENTS["boosting"][0] / "__pycache__" / "x.pyc").write_bytes(b"compiled")
    assert tag("boosting", copy) == tag("boosting")


def test_a_changed_or_renamed_source_changes_the_tag(copy):
    before = tag("boosting", copy)
    script = copy / CONTENTS["boosting"][-1] / "train"
    script.write_text(script.read_text() + "\n")
    changed = tag("boosting", copy)
    script.rename(script.with_name("fit"))
    assert len({before, changed, tag("boosting", copy)}) == 3


def test_missing_sources_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no sources of the image boosting"):
        tag("boosting", tmp_path)


@pytest.mark.parametrize("container", CONTENTS)
def test_an_image_is_built_of_its_sources_in_the_versions_of_all_else(container):
    folder = REPOSITORY / "sagemaker/containers" / container
    recipe = (folder / "Dockerfile").read_text()
    for part in CONTENTS[container]:
        assert f"COPY {part} " in recipe
    locked = (REPOSITORY / "requirements/lakecast.lock").read_text().split()
    versions = [word for word in (folder / "requirements.lock").read_text().split() if "==" in word]
    assert versions
    assert set(versions) <= set(locked)
