"""The lane of Glue 5.1 has the Python modules that AWS provides in it, and that jobs add."""

from __future__ import annotations

import re
import zipfile

import pytest

from contracts.names import ENVIRONMENTS
from infra.modules.core.packaging import REPOSITORY
from infra.modules.core.wheels import SUFFIX, provided, site_packages, wheels
from tests.unit.infra.test_stacks import Estate

REQUIREMENTS = REPOSITORY / "requirements"


def versions(name: str) -> dict[str, str]:
    """Returns the version of each module in a file of requirements."""
    text = (REQUIREMENTS / name).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", text, re.MULTILINE)
    return {module.lower().replace("_", "-"): version for module, version in found}


@pytest.fixture(scope="module")
def lane() -> dict[str, str]:
    return versions("glue-5.1.lock")


def test_the_lane_has_the_modules_of_aws(lane):
    provided = versions("glue-5.1.provided")
    assert len(provided) == 60
    common = lane.keys() & provided.keys()
    assert {"boto3", "numpy", "pandas", "pyarrow", "urllib3"} <= common
    assert {one: lane[one] for one in common} == {one: provided[one] for one in common}


def test_the_lane_has_the_spark_of_glue(lane):
    """https://docs.aws.amazon.com/glue/latest/dg/release-notes.html"""
    assert lane["pyspark"] == "3.5.6"
    assert lane["pyspark"] == versions("lakecast.lock")["pyspark"]


def test_jobs_add_modules_that_fit_those_of_aws(lane):
    """The lock would have no solution if an added module needed another one than AWS provides."""
    added = [one.requirement for one in wheels(site_packages("5.1"), provided("5.1"))]
    names = {one.lower().partition("==")[0]: one.partition("==")[2] for one in added}
    assert "deltalake" in names
    assert {name: lane[name] for name in names} == names
    assert not names.keys() & versions("glue-5.1.provided").keys()


def test_the_zip_of_wheels_has_no_module_of_aws(synthesised):
    checked = 0
    for environment in ENVIRONMENTS:
        if Estate(synthesised, environment).settings.glue.version != "5.1":
            continue
        (path,) = (synthesised / environment / "artifacts").glob(f"*{SUFFIX}")
        with zipfile.ZipFile(path) as packed:
            text = packed.read("wheels/requirements.txt").decode()
        names = {line.lower().partition("==")[0] for line in text.splitlines()}
        assert not names & versions("glue-5.1.provided").keys(), path
        checked += 1
    assert checked
