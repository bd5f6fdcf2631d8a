"""A fixed course of an outbox's life, and a process that lives it until it is killed.

The course puts, publishes and removes, and passes both bounds. `states` lives it to its end and
says what an outbox holds after each step; whatever kills the process in between, the outbox must
be found in one of these states.
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
    """Each step is one transaction, and the same one every time."""

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
    """What an outbox holds, and what it says of itself."""
    parcels = tuple((parcel.number, parcel.payload) for parcel in outbox.after(0, 10_000))
    assert len(outbox) == len(parcels)
    assert outbox.size == sum(len(payload) for _, payload in parcels)
    return parcels, outbox.newest, outbox.drops.age, outbox.drops.size, len(outbox)


def states(path: Path) -> list[State]:
    """The empty outbox, and what it holds after each step."""
    course = Course(path)
    return [state(course.outbox), *(state(course.outbox) for _ in course.steps())]


def reopened(path: Path) -> State:
    """What is found after a crash, before time goes on."""
    floor = CLOCK_FLOOR.timestamp()
    with Outbox(path, LIMITS, clock=lambda: floor) as outbox:
        return state(outbox)


def main(path: str, last_instruction: str) -> None:
    """Say each step when it is done; die at that instruction of SQLite's virtual machine."""
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
