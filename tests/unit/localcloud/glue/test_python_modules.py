"""Modules that a job asks for, as Glue would install them."""

from __future__ import annotations

import importlib.metadata
import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.services.glue.runs import python_modules
from localcloud.services.glue.staging import StagingError

PYTHON = Path(sys.executable)
RICH = importlib.metadata.version("rich")
URI = "s3://code/glue/modules.gluewheels.zip"


class Bucket:
    """S3 with one object; counts how often it is read."""

    def __init__(self, wheels: list[str], requirements: str | None) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for wheel in wheels:
                archive.writestr(f"wheels/{wheel}", b"")
            if requirements is not None:
                archive.writestr("wheels/requirements.txt", requirements)
        self.content = buffer.getvalue()
        self.reads = 0

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        if Bucket != "code":
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")
        return {"ETag": str(hash((self.content, Key)))}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        self.reads += 1
        return {"Body": io.BytesIO(self.content)}


def require(bucket: Bucket, modules: str, option: str = "--no-index") -> None:
    arguments = {"--additional-python-modules": modules}
    if option:
        arguments["--python-modules-installer-option"] = option
    python_modules.require(PYTHON, arguments, bucket)


def test_a_zip_with_the_wheels_of_installed_modules_is_accepted_and_read_once():
    bucket = Bucket([f"rich-{RICH}-py3-none-any.whl"], f"rich=={RICH}\n\n")
    require(bucket, URI)
    require(bucket, URI)
    assert bucket.reads == 1


@pytest.mark.parametrize(
    ("wheels", "requirements", "fault"),
    [
        (["other-1-py3-none-any.whl"], f"rich=={RICH}", "has no wheel of rich=="),
        (["rich-0.1-py3-none-any.whl"], f"rich=={RICH}", "has no wheel of rich=="),
        (
            [f"rich-{RICH}-cp312-cp312-manylinux2014_x86_64.whl"],
            f"rich=={RICH}",
            "no wheel of rich",
        ),
        ([f"rich-{RICH}-cp313-abi3-manylinux2014_x86_64.whl"], f"rich=={RICH}", "no wheel of rich"),
        (["rich-0.1-py3-none-any.whl"], "rich==0.1", "requires rich==0.1 .* has "),
        (["absent-1-py3-none-any.whl"], "absent==1", "has no such module"),
        ([f"rich-{RICH}-py3-none-any.whl"], "rich>=1", "in the form name==version"),
        ([f"rich-{RICH}-py3-none-any.whl"], None, "is no zip with wheels/requirements.txt"),
    ],
)
def test_a_zip_that_glue_would_not_install_is_refused(wheels, requirements, fault):
    bucket = Bucket(wheels, requirements)
    with pytest.raises(StagingError, match=fault):
        require(bucket, URI)


@pytest.mark.parametrize(
    ("modules", "option", "fault"),
    [
        ("s3://code/glue/modules.zip", "--no-index", r"named \*\.gluewheels\.zip"),
        (URI, "", "pip would ask an index"),
        (URI, "--upgrade", "supports --python-modules-installer-option --no-index only"),
        (f"rich=={RICH}", "--no-index", "expected a zip of wheels; got rich"),
        ("s3://other/x.gluewheels.zip", "--no-index", "role cannot read s3://other/x"),
        ("rich", "", "in the form name==version"),
    ],
)
def test_other_requests_are_refused(modules, option, fault):
    with pytest.raises(StagingError, match=fault):
        require(Bucket([f"rich-{RICH}-py3-none-any.whl"], f"rich=={RICH}"), modules, option)


def test_pinned_modules_of_an_index_are_compared_with_the_installed_ones():
    bucket = Bucket([], None)
    require(bucket, f"rich=={RICH}, ", "")
    python_modules.require(PYTHON, {}, bucket)
    assert bucket.reads == 0
