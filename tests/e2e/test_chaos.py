"""`make chaos`, small: all readings arrive once, and each hostile message is counted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.glue.hostile_messages import HOSTILE
from tests.support.glue.hostile_objects import HOSTILE_OBJECTS
from tests.support.processes import assert_ended

ROOT = Path(__file__).resolve().parents[2]
READINGS = 5_000


def test_nothing_is_lost_or_doubled_whatever_is_killed(tmp_path: Path) -> None:
    result = subprocess.run(
        [
            *(sys.executable, "-m", "tests.chaos", "--readings", str(READINGS), "--devices", "5"),
            *("--seed", "7", "--keep", str(tmp_path / "home")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    printed = result.stdout
    assert result.returncode == 0, printed + result.stderr
    assert printed.endswith("0 lost, 0 doubled\n")

    def figure(name: str) -> int:
        (found,) = re.findall(rf"{name} +│ +([\d,]+)", printed)
        return int(found.replace(",", ""))

    assert figure("readings recorded") == READINGS
    assert figure("agents killed") == 3
    assert figure("connections cut") >= 2
    assert figure("broker and Firehose killed") == 1
    assert figure("Spark killed") == 1
    assert figure("messages stored only by the error action") >= 0
    assert figure("hostile messages and objects") == len(HOSTILE) + len(HOSTILE_OBJECTS)
    assert figure("  not counted") == 0
    reasons = {reason for one in (*HOSTILE, *HOSTILE_OBJECTS) for reason in one.outcome}
    for reason in reasons:
        many = sum(reason in one.outcome for one in (*HOSTILE, *HOSTILE_OBJECTS))
        assert figure(f"  {reason or 'kept'}") == many
    assert_ended(
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if str(tmp_path) in " ".join(process.info["cmdline"] or ())
    )
