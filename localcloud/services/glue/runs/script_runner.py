"""Runs a job's script as Glue does and, if it fails, writes the reason to a file.

Usage: ``python -P script_runner.py FAILURE_FILE SCRIPT ARGUMENT…``.
"""

from __future__ import annotations

import json
import runpy
import sys
import traceback
from pathlib import Path


def main(failure_file: Path, script: str, arguments: list[str]) -> int:
    """Runs the script as ``__main__``; returns 1 if it raised or exited with an error, else 0."""
    sys.argv = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code in (None, 0):
            return 0
        message = f"SystemExit: {end.code}" if isinstance(end.code, int) else str(end.code)
        print(message, file=sys.stderr)
    except BaseException as error:
        traceback.print_exc()
        message = summary(error)
    else:
        return 0
    failure_file.write_text(json.dumps({"message": message}, allow_nan=False))
    return 1


def summary(error: BaseException) -> str:
    """Formats an exception in one line, as in AWS's ``ErrorMessage``.

    Exceptions from Java contain a stack trace; only its first lines describe the error.
    """
    lines = [line.strip() for line in str(error).splitlines()]
    text = [line for line in lines if line and not line.startswith(("at ", "...", "Caused by"))]
    return f"{type(error).__name__}: {' '.join(text[:3])}".removesuffix(": ")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
