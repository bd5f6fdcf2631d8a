"""Tests of the interpreter for each GlueVersion and of the Java that Spark starts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from localcloud.services.glue.runs.runtimes import JAVA, python_of
from localcloud.services.glue.staging import StagingError


@pytest.fixture
def python(tmp_path: Path) -> Path:
    return tmp_path / "bin/python"


@pytest.mark.parametrize("version", ["5.0", "5.1"])
def test_glue_5_uses_the_projects_own_environment(python: Path, version: str) -> None:
    assert python_of(version, python) == python


def test_glue_6_uses_the_environment_within_it(python: Path, tmp_path: Path) -> None:
    with pytest.raises(StagingError, match="run `make setup-glue-6`"):
        python_of("6.0", python)
    lane = tmp_path / "glue-6/bin/python"
    lane.parent.mkdir(parents=True)
    lane.touch()
    assert python_of("6.0", python) == lane


def test_another_version_is_refused(python: Path) -> None:
    with pytest.raises(StagingError, match=r"runs GlueVersion 5\.0, 5\.1, 6\.0; got 4\.0"):
        python_of("4.0", python)


def test_java_starts_although_it_lacks_a_module_that_spark_4_requests() -> None:
    settings = "-Dsaid=one word", "-XshowSettings:properties"
    started = subprocess.run(
        [
            f"{JAVA['JAVA_HOME']}/bin/java",
            "--add-modules=jdk.incubator.vector",
            *settings,
            "-version",
        ],
        env={**os.environ, **JAVA},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'version "17.' in started.stderr
    assert "said = one word" in started.stderr


@pytest.mark.parametrize(
    ("program", "expected"),
    [("org.apache.spark.deploy.SparkSubmit", True), ("org.apache.spark.launcher.Main", False)],
)
def test_only_sparks_driver_takes_its_classes_from_an_archive(
    tmp_path: Path, program: str, expected: bool
) -> None:
    shell = tmp_path / "bin/java"  # stands for Java, which would not start without the archives
    shell.parent.mkdir()
    shell.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    shell.chmod(0o755)
    places = {"JDK_HOME": str(tmp_path), "SPARK_HOME": str(tmp_path)}
    command = [f"{JAVA['JAVA_HOME']}/bin/java", "-Xmx1g", program, "two words"]

    def arguments() -> list[str]:
        ran = subprocess.run(command, env=places, capture_output=True, text=True, check=True)
        return ran.stdout.splitlines()

    assert arguments() == command[1:]
    (tmp_path / "spark.jsa").touch()
    archives = f"-XX:SharedArchiveFile={tmp_path}/java.jsa:{tmp_path}/spark.jsa"
    assert (archives in arguments()) is expected
    assert arguments()[-3:] == command[1:]
