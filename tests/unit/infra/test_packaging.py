"""Zips of code are reproducible, and complete without the repository."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest
from forecasting.jobs.image_builds import stage

from contracts.models.container_images import OWN_IMAGES
from contracts.names import GLUE_JOBS
from infra.modules.api import function_code
from infra.modules.core.packaging import REPOSITORY, function_zip, library_zip, store, zip_of

ENVIRONMENT = {
    "ACCOUNT_ID": "123456789012",
    "ALLOW_LIST_TABLE": "allow-list",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "CURATED_BUCKET": "curated",
    "ENDPOINT_NAME": "forecast",
    "INTERACTIONS_TABLE": "interactions",
    "INTERACTION_RETENTION_DAYS": "30",
    "LAKECAST_ENV": "dev",
}
"""The functions' variables, without credentials, so that a real call of AWS fails."""


def scripts(root=REPOSITORY):
    return [root / f"glue_jobs/{job}.py" for job in GLUE_JOBS]


def alone(code, *path, arguments=()):
    """Runs code in an interpreter that finds third-party packages, but not the repository.

    Without ``site``, ``.pth`` files are ignored, and with them the editable installation.
    """
    places = [*map(str, path), sysconfig.get_paths()["purelib"]]
    return subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys\nsys.path += {places!r}\n{code}",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "sources"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "inner/rules.json").write_text("{}")
    return {f"part/{name}": folder / name for name in ("inner/rules.json", "__init__.py")}


def test_the_same_sources_give_the_same_bytes_whenever_they_were_written(sources):
    before = zip_of(sources)
    for file in sources.values():
        os.utime(file, (1, 1))
        file.chmod(0o700)

    assert zip_of(dict(reversed(sources.items()))) == before


def test_changed_sources_give_other_bytes(sources):
    before = zip_of(sources)
    sources["part/inner/rules.json"].write_text("[]")

    assert zip_of(sources) != before


def test_entries_are_sorted_and_uncompressed(sources):
    with zipfile.ZipFile(io.BytesIO(zip_of(sources))) as archive:
        assert archive.namelist() == ["part/__init__.py", "part/inner/rules.json"]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_name_of_a_stored_package_contains_its_hash(tmp_path):
    folder = tmp_path / "artifacts"

    package = store(b"code", "job.py", folder)

    digest = hashlib.sha256(b"code").digest()
    assert package.path.read_bytes() == b"code"
    assert package.path.name == f"job-{digest.hex()[:16]}.py"
    assert package.source == f"../artifacts/{package.path.name}"
    assert package.base64_sha256 == base64.b64encode(digest).decode()


def test_a_later_package_keeps_the_earlier_one_for_the_plan_that_uses_it(tmp_path):
    former = store(b"one", "job.py", tmp_path)
    store(b"two", "job.py", tmp_path)

    assert former.path.read_bytes() == b"one"


ANSWERS = {
    "certificate_confirmation": (
        "class Iot:\n"
        "    def get_paginator(self, _): return self\n"
        "    def paginate(self, **_): return []\n"
        "try:\n"
        "    handler.Confirmation(Iot(), None).confirm('harbour', 'c1')\n"
        "except handler.UnattachedError as error:\n"
        "    print(error)\n",
        "harbour has no active certificate c1",
    ),
    "forecast_api": (
        "import types\n"
        "event = {'httpMethod': 'GET', 'resource': '/', 'path': '/none'}\n"
        "print(handler.handler(event, types.SimpleNamespace(aws_request_id='r1')))",
        "'statusCode': 404",
    ),
    "provisioning_hook": (
        "template = 'arn:aws:iot:eu-west-1:123456789012:provisioningtemplate/none'\n"
        "print(handler.handler({'templateArn': template}, None))",
        "{'allowProvisioning': False}",
    ),
}
"""A call of each function that needs no AWS, and its expected output."""


THIRD_PARTY = (
    "print(*{name.partition('.')[0] for name, module in sys.modules.items()"
    " if 'site-packages' in str(getattr(module, '__file__', None))})"
)
BOTO3 = {"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
LAMBDA_HAS = BOTO3 | {"_awscrt", "awscrt", "certifi"}  # botocore uses these if they are installed


def test_every_function_is_tested():
    folders = {place.parent.name for place in REPOSITORY.glob("lambdas/*/handler.py")}
    assert set(ANSWERS) == folders


@pytest.mark.parametrize("function", ANSWERS)
def test_a_function_needs_only_its_zip(function, tmp_path):
    code, expected = ANSWERS[function]
    code_of = {"forecast_api": function_code.forecast_api}.get(function)
    content = code_of() if code_of else function_zip(function)
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        package.extractall(tmp_path)  # as Lambda does

    answer = alone(f"from {function} import handler\n{code}\n{THIRD_PARTY}", tmp_path)

    assert expected in answer.stdout, answer.stderr
    others = set(answer.stdout.splitlines()[-1].split())
    assert others <= LAMBDA_HAS, "only the runtime's boto3 is there"


@pytest.mark.parametrize("job", GLUE_JOBS)
def test_a_job_needs_only_its_script_and_the_library(job, tmp_path):
    library = tmp_path / "lakecast.zip"
    library.write_bytes(library_zip(scripts()))
    script = shutil.copy(REPOSITORY / f"glue_jobs/{job}.py", tmp_path)
    run = f"import runpy\nrunpy.run_path({script!r}, run_name='__main__')"

    answer = alone(run, library, arguments=("--channels", "nowhere"))

    assert "the following arguments are required" in answer.stderr


def test_every_module_of_the_library_can_be_imported(tmp_path):
    library = tmp_path / "lakecast.zip"
    library.write_bytes(library_zip(scripts()))
    with zipfile.ZipFile(library) as archive:
        modules = [name[:-3].replace("/", ".") for name in archive.namelist() if name[-3:] == ".py"]

    answer = alone("import importlib\nfor name in sys.argv[1:]: importlib.import_module(name)",
                   library, arguments=modules)  # fmt: skip

    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("container", OWN_IMAGES)
def test_an_image_holds_every_module_that_its_programs_import(container, tmp_path):
    stage(container, tmp_path)
    folder = tmp_path / OWN_IMAGES[container]
    packages = [path for path in tmp_path.rglob("*.py") if path.is_relative_to(folder)]
    modules = [str(path.relative_to(folder))[:-3].replace("/", ".") for path in packages]
    programs = [
        str(path) for path in folder.iterdir() if path.name in ("train", "serve", "process")
    ]

    answer = alone(
        "import importlib, runpy\n"
        f"for program in {programs!r}: runpy.run_path(program, run_name='looked at')\n"
        "for name in sys.argv[1:]: importlib.import_module(name)",
        arguments=modules,
    )

    assert programs
    assert answer.returncode == 0, answer.stderr


def test_a_changed_module_of_the_operators_changes_no_zip(tmp_path):
    for part in ("contracts", "glue_jobs", "lambdas"):
        shutil.copytree(REPOSITORY / part, tmp_path / part)

    def zips():
        functions = [function_zip(name, tmp_path) for name in ANSWERS]
        return [*functions, library_zip(scripts(tmp_path), tmp_path)]

    before = zips()
    assert before == [*map(function_zip, ANSWERS), library_zip(scripts())]
    for file in (*tmp_path.glob("glue_jobs/operator/*.py"), tmp_path / "contracts/lake/queries.py"):
        file.write_text("changed = True\n")
    assert zips() == before
    names = tmp_path / "contracts/names/__init__.py"
    names.write_text(f"{names.read_text()}\n")
    changed = [one != other for one, other in zip(zips(), before, strict=True)]
    assert changed == [False, True, True, True], "certificate_confirmation does not import names"
