"""Prepares the process of a job's script: command line, environment and failure message."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.cloud import leash
from localcloud.cloud.context import CloudContext
from localcloud.cloud.store import Record
from localcloud.services.glue.runs import python_modules, runtimes, script_runner
from localcloud.services.glue.staging import S3_URI, Staging, StagingError

# Arguments that Glue itself reads; the script receives them unchanged.
# https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
NOT_STAGED = (
    "--extra-py-files",
    "--extra-jars",
    "--extra-files",
    python_modules.ARGUMENT,
    "--TempDir",
    "--spark-event-logs-path",
    "--job-language",
    "--conf",
)
UNSUPPORTED = ("--extra-jars", "--datalake-formats")

# A cluster of one machine. The job's --conf overrides these.
SPARK = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    # Suits the number of cores; Glue's default of 200 suits a cluster.
    "spark.sql.shuffle.partitions": str(2 * (os.cpu_count() or 1)),
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
    # S3 stores no checksum files next to objects.
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    # Jobs here take seconds, so the optimising compiler would cost more time than it saves.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
DRIVER_MEMORY = "2g"


@dataclass(frozen=True)
class ScriptProcess:
    """A script and its inputs, before they are fetched.

    Parameters
    ----------
    folder
        Working folder of the run.
    arguments
        Arguments of the script, with S3 URIs.
    """

    python: Path
    script: str
    folder: Path
    arguments: Mapping[str, str]
    environment: dict[str, str]

    def fetch(self, s3: Any, staging: Staging) -> list[str]:
        """Fetches script, libraries and data, and returns the command line.

        Raises
        ------
        StagingError
            If one of them cannot be fetched.
        """
        python_modules.require(self.python, self.arguments, s3)
        script = staging.fetch_file(self.script, self.folder / "script" / Path(self.script).name)
        libraries = [
            staging.fetch_file(uri, self.folder / "libraries" / Path(uri).name)
            for uri in _listed(self.arguments.get("--extra-py-files", ""))
        ]
        self.environment["PYTHONPATH"] = os.pathsep.join(map(str, libraries))
        given = {
            name: staging.fetch(value) if S3_URI.match(value) and name not in NOT_STAGED else value
            for name, value in self.arguments.items()
        }
        return [
            str(self.python),
            leash.__file__,
            str(self.python),
            "-P",  # keeps the runner's folder off the script's module path
            script_runner.__file__,
            str(self._failure_file),
            str(script),
            *(word for pair in given.items() for word in pair),
        ]

    @property
    def _failure_file(self) -> Path:
        return self.folder / "failure.json"

    def failure(self, code: int) -> str:
        """Describes why the script failed: its exception or its process's exit."""
        try:
            message: str = json.loads(self._failure_file.read_text())["message"]
        except FileNotFoundError:
            killed = code > 128
            ended = f"was killed by signal {code - 128}" if killed else f"exited with code {code}"
            return f"Command failed: the script's process {ended}"
        return message


def prepare(
    context: CloudContext, job: Record, run: Record, credentials: Mapping[str, str], folder: Path
) -> ScriptProcess:
    """Prepares the process of one run.

    Raises
    ------
    StagingError
        If the job requires something that the local cloud does not support.
    """
    arguments = {
        **job.get("DefaultArguments", {}),
        **run["Arguments"],
        **job.get("NonOverridableArguments", {}),
        "--JOB_NAME": job["Name"],
        "--JOB_RUN_ID": run["Id"],
    }
    for name in UNSUPPORTED:
        if arguments.get(name):
            raise StagingError(f"the local cloud does not support the job argument {name}")
    python = runtimes.python_of(job["GlueVersion"], context.python)
    temporary = folder / "tmp"
    temporary.mkdir()
    inherited = {
        name: value
        for name, value in context.environment.items()
        if not name.startswith(("PYTHON", "PYSPARK", "SPARK"))
    }
    environment = {
        **inherited,
        **credentials,
        **runtimes.JAVA,
        "TZ": "UTC",  # as on Glue's workers
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
        "PYSPARK_PYTHON": str(python),
        "PYSPARK_DRIVER_PYTHON": str(python),
        "PYSPARK_SUBMIT_ARGS": submit_arguments(arguments.get("--conf", ""), temporary),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(temporary),
    }
    return ScriptProcess(
        python=python,
        script=job["Command"]["ScriptLocation"],
        folder=folder,
        arguments=arguments,
        environment=environment,
    )


def submit_arguments(conf: str, temporary: Path) -> str:
    """Builds spark-submit's arguments, which PySpark reads from an environment variable.

    Parameters
    ----------
    conf
        Value of the job's ``--conf``: ``a=b`` or ``a=b --conf c=d``.
    temporary
        Folder for temporary files of Spark and Java.
    """
    settings = {**SPARK, "spark.sql.warehouse.dir": str(temporary / "warehouse")}
    for pair in re.split(r"\s+--conf\s+", conf.strip()) if conf.strip() else []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise StagingError(f"expected --conf in the form name=value; got {pair!r}")
        settings[name.strip()] = value.strip()
    settings["spark.driver.extraJavaOptions"] += f" -Djava.io.tmpdir={temporary}"
    words = ["--master", "local[*]", "--driver-memory", DRIVER_MEMORY]
    for name, value in settings.items():
        words += ["--conf", f'"{name}={value}"']
    return " ".join([*words, "pyspark-shell"])


def _listed(value: str) -> list[str]:
    return [uri.strip() for uri in value.split(",") if uri.strip()]
