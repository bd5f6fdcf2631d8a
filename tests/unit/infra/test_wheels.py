"""The zip of wheels that Glue installs without an index."""

from __future__ import annotations

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from contracts.names import ENVIRONMENTS
from infra.modules.core.wheels import (
    SUFFIX,
    WheelError,
    archive,
    check,
    provided,
    site_packages,
    wheels,
)
from tests.unit.infra.test_stacks import Estate

TAGS = "Tag: cp310-abi3-manylinux_2_17_x86_64\nTag: cp310-abi3-manylinux2014_x86_64\n"


def install(site: Path, name: str, *, tags: str = TAGS, requires: str = "") -> None:
    """Installs a distribution as an installer does: files, and a RECORD with their hashes."""
    info = f"{name}-1.0.dist-info"
    content = {
        f"{name}/__init__.py": "value = 1\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\n{tags}",
    }
    record = []
    for path, text in content.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        digest_text = digest.rstrip(b"=").decode()
        record.append(f"{path},sha256={digest_text},{len(text)}")
    (site / info / "RECORD").write_text("\n".join([*record, f"{info}/RECORD,,"]))
    (site / info / "INSTALLER").write_text("uv")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "lib/python3.11/site-packages"
    folder.mkdir(parents=True)
    requires = (
        "Requires-Dist: helper>=1\nRequires-Dist: absent; python_version < '3'\n"
        "Requires-Dist: extra ; extra == 'more'\n"
    )
    install(folder, "deltalake", requires=requires)
    install(folder, "helper", tags="Tag: py2-none-any\nTag: py3-none-any\n")
    return folder


def test_modules_are_packed_with_all_that_they_require(site, tmp_path):
    package = archive(site, tmp_path / "cache")

    assert package.path.name.endswith(SUFFIX)
    with zipfile.ZipFile(package.path) as packed:
        assert packed.namelist() == [
            "wheels/requirements.txt",
            "wheels/deltalake-1.0-cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "wheels/helper-1.0-py2.py3-none-any.whl",
        ]
        assert packed.read("wheels/requirements.txt") == b"deltalake==1.0\nhelper==1.0\n"


def test_modules_of_glue_are_not_packed(site):
    """pip would replace them: wrapt 1 by wrapt 2, with which Glue's aiobotocore does not work."""
    assert [one.requirement for one in wheels(site, {"helper"})] == ["deltalake==1.0"]
    assert {"numpy", "wrapt", "typing-extensions"} <= provided("5.1")
    assert provided("6.0") == frozenset(), "the lane of Glue 6.0 has no list"


def test_a_wheel_holds_its_files_and_no_trace_of_the_installer(site):
    (site / "deltalake/__pycache__").mkdir()
    (site / "deltalake/__pycache__/__init__.pyc").write_bytes(b"compiled")
    (wheel,) = [one for one in wheels(site) if one.requirement == "deltalake==1.0"]
    path = site.parent / wheel.name
    path.write_bytes(wheel.packed())

    with zipfile.ZipFile(path) as packed:
        assert packed.namelist() == [
            "deltalake-1.0.dist-info/METADATA",
            "deltalake-1.0.dist-info/WHEEL",
            "deltalake/__init__.py",
            "deltalake-1.0.dist-info/RECORD",
        ]
        record = packed.read("deltalake-1.0.dist-info/RECORD").decode().splitlines()
        assert record[-1] == "deltalake-1.0.dist-info/RECORD,,"
        assert len(record) == len(packed.namelist())
    assert wheel.packed() == path.read_bytes(), "the same files give the same bytes"


def test_a_file_that_was_changed_after_the_installation_is_not_packed(site, tmp_path):
    (site / "helper/__init__.py").write_text("value = 2\n")
    with pytest.raises(WheelError, match=r"helper/__init__\.py of helper==1\.0 is not as it was"):
        archive(site, tmp_path / "cache")
    assert list((tmp_path / "cache").glob(f"*{SUFFIX}")) == []


def test_another_version_of_a_module_is_another_file(site, tmp_path):
    before = archive(site, tmp_path / "cache")
    assert archive(site, tmp_path / "cache") == before
    install(site, "helper", tags="Tag: py3-none-any\n")
    assert archive(site, tmp_path / "cache").path != before.path


def test_a_missing_module_is_reported(site, tmp_path):
    for path in site.glob("helper-1.0.dist-info/*"):
        path.unlink()
    (site / "helper-1.0.dist-info").rmdir()
    with pytest.raises(WheelError, match="lacks helper: run `make setup`"):
        archive(site, tmp_path / "cache")


@pytest.mark.parametrize(
    ("tag", "version", "fits"),
    [
        ("cp310-abi3-manylinux2014_x86_64", "5.1", True),
        ("cp310-abi3-manylinux2014_x86_64", "6.0", True),
        ("cp312-abi3-manylinux2014_x86_64", "5.1", False),
        ("cp311-cp311-manylinux_2_28_x86_64", "5.1", True),
        ("cp311-cp311-manylinux_2_28_x86_64", "6.0", False),
        ("cp310-abi3-macosx_11_0_arm64", "5.1", False),
        ("cp310-abi3-manylinux2014_aarch64", "5.1", False),
        ("py3-none-any", "6.0", True),
    ],
)
def test_wheels_of_other_machines_are_refused(tmp_path, tag, version, fits):
    site = tmp_path / "lib/python3.11/site-packages"
    site.mkdir(parents=True)
    install(site, "deltalake", tags=f"Tag: {tag}\n")
    if fits:
        check(version, site)
        return
    with pytest.raises(WheelError, match=f"does not fit AWS Glue {version}, which runs Python 3"):
        check(version, site)


def test_a_lane_that_is_not_installed_is_reported(tmp_path):
    with pytest.raises(WheelError, match="run `make setup-glue-6`"):
        site_packages("6.0", tmp_path)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_job_installs_from_the_estates_own_zip(synthesised, environment):
    estate = Estate(synthesised, environment)
    uploaded = estate.resources("aws_s3_object")["glue_modules"]
    uri = f"s3://{estate.names.bucket('code')}/${{aws_s3_object.glue_modules.key}}"
    for job in estate.resources("aws_glue_job").values():
        arguments = job["default_arguments"]
        assert arguments["--additional-python-modules"] == uri
        assert arguments["--python-modules-installer-option"] == "--no-index"
    assert uploaded["key"] == f"glue/modules{SUFFIX}"
    with zipfile.ZipFile(synthesised / environment / "pipeline" / uploaded["source"]) as packed:
        required = packed.read("wheels/requirements.txt").decode().split()
        names = packed.namelist()
    assert any(one.startswith("deltalake==") for one in required)
    assert len(names) == 1 + len(required)


@pytest.mark.skipif(sys.platform != "linux", reason="wheels of another platform are refused")
def test_the_installed_modules_fit_the_present_version_of_glue():
    check("5.1", site_packages("5.1"))
