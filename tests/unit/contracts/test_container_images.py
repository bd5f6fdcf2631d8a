"""Tags of our own images: they change with the sources, and with nothing else."""

from __future__ import annotations

import shutil

import pytest

from contracts.models.container_images import OWN_IMAGES, REPOSITORY, image_uri, sources, tag
from contracts.names import Names

NAMES = Names("dev", "123456789012", "eu-west-1")
BOOSTING = "sagemaker/containers/boosting"


def copied(container, folder):
    for source in sources(container):
        place = folder / source.relative_to(REPOSITORY)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)
    return folder


@pytest.fixture
def copy(tmp_path):
    return copied("boosting", tmp_path)


def test_the_image_lies_in_the_estates_own_registry(copy):
    registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/lakecast-dev-boosting"
    assert image_uri(NAMES, "boosting", copy) == f"{registry}:{tag('boosting', copy)}"


def test_the_same_sources_have_the_same_tag_wherever_they_lie(copy):
    (copy / BOOSTING / "boosting_container/__pycache__").mkdir(exist_ok=True)
    (copy / BOOSTING / "boosting_container/__pycache__/x.pyc").write_bytes(b"compiled")
    assert tag("boosting", copy) == tag("boosting")


def test_a_changed_or_renamed_source_changes_the_tag(copy):
    before = tag("boosting", copy)
    script = copy / BOOSTING / "train"
    script.write_text(script.read_text() + "\n")
    changed = tag("boosting", copy)
    script.rename(script.with_name("fit"))
    assert len({before, changed, tag("boosting", copy)}) == 3


def test_files_that_an_image_does_not_run_change_no_tag(copy):
    before = tag("boosting", copy)
    for unused in ("contracts/lake/queries.py", "sagemaker/containers/runtime/unused.py"):
        (copy / unused).parent.mkdir(parents=True, exist_ok=True)
        (copy / unused).write_text("changed = True\n")
    assert tag("boosting", copy) == before
    held = {
        source.relative_to(REPOSITORY).as_posix() for name in OWN_IMAGES for source in sources(name)
    }
    assert "contracts/lake/queries.py" not in held
    assert "contracts/models/container_images.py" not in held


def test_missing_sources_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no sources of the image boosting"):
        tag("boosting", tmp_path)


@pytest.mark.parametrize("container", OWN_IMAGES)
def test_an_image_is_built_of_its_sources_in_the_versions_of_all_else(container):
    folder = REPOSITORY / "sagemaker/containers" / container
    recipe = (folder / "Dockerfile").read_text()
    assert f"COPY sagemaker/containers/{container}/requirements.lock " in recipe
    assert "\nCOPY . .\n" in recipe
    locked = (REPOSITORY / "requirements/lakecast.lock").read_text().split()
    versions = [word for word in (folder / "requirements.lock").read_text().split() if "==" in word]
    assert versions
    assert set(versions) <= set(locked)
