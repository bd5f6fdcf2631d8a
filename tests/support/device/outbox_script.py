"""A fixed sequence of outbox operations, and a process that runs it until it is killed.

The sequence adds and removes messages and reaches both limits. `states` returns the outbox's state
after each step. After a kill at any time, the outbox must be in one of these states.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from device.clock import CLOCK_FLOOR
from device.outbox.retention import Limits
from device.outbox.store import Outbox

STEPS = 60
LIMITS = Limits(max_bytes=2_000, max_age=timedelta(hours=1))
TOPIC = "telemetry/harbour"
State = tuple[tuple[tuple[int, bytes], ...], int, int, int, int]


class Course:
    """A reproducible sequence of steps; each is one transaction."""

    def __init__(self, path: Path) -> None:
        self._random = random.Random(7)
        self._now = CLOCK_FLOOR.timestamp()
        self._count = 0
        self.outbox = Outbox(path, LIMITS, clock=lambda: self._now)

    def steps(self) -> Iterator[None]:
        for _ in range(STEPS):
            self._now += self._random.choice((1, 120, 1_500))
            waiting = [parcel.number for parcel in self.outbox.after(0, 50)]
            if waiting and self._random.random() < 0.4:
                self.outbox.remove(self._random.sample(waiting, min(len(waiting), 4)))
            else:
                size = self._random.randint(1, 8)
                numbers = range(self._count, self._count + size)
                self._count += size
                payloads = [str(n).encode() * self._random.randint(1, 40) for n in numbers]
                self.outbox.put(TOPIC, payloads, spare=waiting[:2])
            yield


def state(outbox: Outbox) -> State:
    """Return the messages and the counts of an outbox."""
    parcels = tuple((parcel.number, parcel.payload) for parcel in outbox.after(0, 10_000))
    assert len(outbox) == len(parcels)
    assert outbox.size == sum(len(payload) for _, payload in parcels)
    return parcels, outbox.newest, outbox.drops.age, outbox.drops.size, len(outbox)


def states(path: Path) -> list[State]:
    """Return the state of the empty outbox and after each step."""
    course = Course(path)
    return [state(course.outbox), *(state(course.outbox) for _ in course.steps())]


def reopened(path: Path) -> State:
    """Return the state after a crash, without the passing of time."""
    floor = CLOCK_FLOOR.timestamp()
    with Outbox(path, LIMITS, clock=lambda: floor) as outbox:
        return state(outbox)


def main(path: str, last_instruction: str) -> None:
    """Print each completed step; die at a given instruction of SQLite's virtual machine."""
    left = int(last_instruction)
    done = 0

    def count() -> int:
        nonlocal done
        done += 1
        if done == left:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    course = Course(Path(path))
    course.outbox._db.set_progress_handler(count, 1)
    for number, _ in enumerate(course.steps(), start=1):
        print(number, flush=True)
    print("instructions", done, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
