"""Tests that Spark, Python and Java have the versions of an AWS Glue version."""

from __future__ import annotations

import platform

import pytest

from tests.support.glue.spark import spark

PYTHON_OF_SPARK = {"3.5": "3.11", "4.1": "3.13"}
"""Versions of Glue 5 and Glue 6.0; both have Java 17."""


def test_spark_python_and_java_are_those_of_an_aws_glue_version() -> None:
    session = spark()
    assert session._jvm.System.getProperty("java.version").startswith("17.")
    expected = PYTHON_OF_SPARK[session.version.rpartition(".")[0]]
    python = platform.python_version()
    if python.rpartition(".")[0] != expected:
        pytest.skip(
            f"AWS Glue runs Spark {session.version} on Python {expected}; none was found when this"
            f" lane was installed (GLUE_6_PYTHON=), so the tests ran on {python}"
        )
