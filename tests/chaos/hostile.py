"""Sends hostile messages and objects among the readings, and checks that each is counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from awscrt.exceptions import AwsCrtError

from contracts.lake.locations import RAW_TELEMETRY, arrival_prefix
from contracts.messages.telemetry import topic
from contracts.names import Names
from device.mqtt.aws_sdk import Connection
from device.mqtt.kit import ConnectionKit
from device.mqtt.link import FIRST_ERROR
from tests.support.glue.hostile_messages import HOSTILE, KEPT, Outcome
from tests.support.glue.hostile_objects import HOSTILE_OBJECTS

THING_NAME = "chaos-hostile"
READINGS_PER_ROUND = 20_000
MARK = "hostile-[0-9]+-[0-9]+-"
"""Pattern of the marks, which are boot ids too: round and number; objects are round 0."""

IS_HOSTILE = "boot_id LIKE 'hostile-%'"
FOUND_IN_LAKE = f"""
SELECT boot_id AS mark, '' AS reason, count(*) AS n FROM telemetry WHERE {IS_HOSTILE} GROUP BY 1
"""
FOUND_IN_QUARANTINE = f"""
SELECT regexp_extract(concat(source, ' ', replace(raw_line, chr(0), '')), '{MARK}') AS mark,
    reason, count(*) AS n
FROM quarantine GROUP BY 1, 2
"""
"""A text in UTF-16 has a zero between any two letters."""
FOUND = (FOUND_IN_LAKE, FOUND_IN_QUARANTINE)


class RefusedError(Exception):
    """The broker has refused a message of the hostile device."""


@dataclass(frozen=True)
class Sent:
    """A hostile message or object that was sent, and what must become of it.

    Parameters
    ----------
    any_number
        Whether the number of rows in quarantine does not matter.
    """

    name: str
    outcome: Outcome
    any_number: bool


class HostileDevice:
    """A device that publishes every hostile message, again and again, until it is acknowledged.

    Parameters
    ----------
    kit
        Folder of its connection kit.
    rounds
        Number of times that it sends each of them.
    """

    def __init__(self, kit: Path, rounds: int) -> None:
        self._kit = ConnectionKit.load(kit)
        self._rounds = rounds
        self.sent: dict[str, Sent] = {}

    def run(self, wait_for: Callable[[float], None], stopped: threading.Event) -> None:
        """Send all, with the rounds spread over the time in which the others send.

        Parameters
        ----------
        wait_for
            Function that waits until this share of all readings is sent.

        Raises
        ------
        RefusedError
            The broker refused a message.
        """
        with Connection(self._kit, within_quota=False) as connection:
            for number in range(1, self._rounds + 1):
                wait_for(number / (self._rounds + 1))
                left = dict(self._payloads(number))
                while left and not stopped.is_set():
                    answers = {
                        mark: connection.publish(topic(THING_NAME), payload)
                        for mark, payload in left.items()
                    }
                    left = {mark: left[mark] for mark, one in answers.items() if not _done(one)}

    def _payloads(self, number: int) -> Iterable[tuple[str, bytes]]:
        now = datetime.now(UTC)
        for place, one in enumerate(HOSTILE):
            mark = f"hostile-{number}-{place}-"
            self.sent[mark] = Sent(one.name, one.outcome, any_number=False)
            yield mark, one.payload_of(THING_NAME, mark, now)


def _done(answer: Future[int]) -> bool:
    """Return whether the broker has acknowledged a message; False after a lost connection."""
    try:
        code = answer.result()
    except AwsCrtError:
        return False
    if code >= FIRST_ERROR:
        raise RefusedError(f"the broker refused a hostile message with the code {code:#x}")
    return True


def put_objects(s3: Any, names: Names) -> dict[str, Sent]:
    """Write every hostile object to the raw bucket."""
    now = datetime.now(UTC)
    sent = {}
    for place, one in enumerate(HOSTILE_OBJECTS):
        mark = f"hostile-0-{place}-"
        fields = {
            "schema_version": 1,
            "device_id": THING_NAME,
            "boot_id": mark,
            "sequence": 7,
            "timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "ozone": 61.5,
            "thing_name": THING_NAME,
            "received_at": int(now.timestamp() * 1000),
        }
        s3.put_object(
            Bucket=names.bucket(RAW_TELEMETRY.purpose),
            Key=f"{RAW_TELEMETRY.prefix}{arrival_prefix(now)}{mark}/{one.name}",
            Body=one.content(fields),
        )
        sent[mark] = Sent(one.name, one.outcome, one.any_number)
    return sent


@dataclass(frozen=True)
class HostileVerdict:
    """Outcomes of the hostile messages and objects.

    Parameters
    ----------
    sent
        Their number.
    counted
        Numbers of those of which all is in the lake, under None, or in quarantine, by reason; one
        with several outcomes counts for each.
    astray
        Descriptions of the others.
    """

    sent: int
    counted: Counter[str | None]
    astray: list[str]


def judge_hostile(
    sent: Mapping[str, Sent], rows: Iterable[Mapping[str, str | None]]
) -> HostileVerdict:
    """Compare what was sent with the rows of the queries `FOUND`.

    The lake keeps each reading once, although it may have arrived twice. Quarantine has a row for
    each arrival.
    """
    found: dict[str, Outcome] = {mark: Counter() for mark in sent}
    astray = []
    for row in rows:
        mark, reason, number = row["mark"] or "", row["reason"] or KEPT, int(row["n"] or 0)
        if mark in found:
            found[mark][reason] += number
        else:
            astray.append(f"{number} rows of what nobody sent: {reason}")
    counted: Counter[str | None] = Counter()
    for mark, one in sent.items():
        if _is_counted(one, found[mark]):
            counted.update(one.outcome.keys())
        else:
            astray.append(f"{one.name}: expected {_told(one.outcome)}; got {_told(found[mark])}")
    return HostileVerdict(len(sent), counted, astray)


def _is_counted(one: Sent, found: Outcome) -> bool:
    return (
        found.keys() == one.outcome.keys()
        and found[KEPT] == one.outcome[KEPT]
        and (one.any_number or all(found[reason] >= n for reason, n in one.outcome.items()))
    )


def _told(outcome: Outcome) -> str:
    return ", ".join(f"{n} {reason or 'kept'}" for reason, n in outcome.items()) or "nothing"
