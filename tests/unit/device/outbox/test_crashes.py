"""After a kill or a power cut, the outbox is in the state after some complete step."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.device import outbox_script
from tests.support.device.outbox_script import State, reopened, states

KILLS = 30
POWER_CUTS = 150


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> list[State]:
    return states(tmp_path_factory.mktemp("course") / "outbox.sqlite3")


def live(path: Path, last_instruction: int) -> list[str]:
    """Run the process until it ends or is killed; return its output."""
    done = subprocess.run(
        [sys.executable, outbox_script.__file__, str(path), str(last_instruction)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[4])},
    )
    assert done.returncode in (0, -9)
    return done.stdout.split()


def test_the_course_reaches_both_limits_and_counts_every_message(course):
    _, newest, age, size, waiting = course[-1]
    assert age > 0 and size > 0 and waiting > 0
    removed = newest - waiting - age - size
    assert removed > 0
    for held, *_ in course:
        assert [number for number, _ in held] == sorted(number for number, _ in held)


def test_a_kill_at_any_instruction_leaves_all_reported_steps_and_no_partial_one(course, tmp_path):
    *steps, _, instructions = live(tmp_path / "whole.sqlite3", 0)
    assert len(steps) == outbox_script.STEPS
    for last in random.Random(11).sample(range(1, int(instructions)), KILLS):
        path = tmp_path / f"{last}.sqlite3"
        reported = len(live(path, last))
        assert reopened(path) in course[reported : reported + 2], f"killed at instruction {last}"


def test_a_power_cut_during_any_write_undoes_whole_steps_only(course, tmp_path):
    """Data that had not reached the disk is missing from the end of the log, at any byte."""
    living = outbox_script.Course(tmp_path / "living.sqlite3")
    for _ in living.steps():
        pass
    log = (tmp_path / "living.sqlite3-wal").read_bytes()
    database = (tmp_path / "living.sqlite3").read_bytes()
    living.outbox.close()
    found = []
    for cut in sorted(random.Random(12).sample(range(len(log)), POWER_CUTS)):
        path = tmp_path / "cut" / "outbox.sqlite3"
        path.parent.mkdir()
        path.write_bytes(database)
        path.with_name(f"{path.name}-wal").write_bytes(log[:cut])
        found.append(course.index(reopened(path)))
        shutil.rmtree(path.parent)
    assert found == sorted(found)
    assert len(set(found)) > outbox_script.STEPS // 2
