"""Replays many stations at once, each with one thread, one connection and one outbox."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from contracts.errors import LakecastError
from contracts.messages.telemetry import POLLUTANTS
from device.agent.batching import Batching
from device.agent.loop import Agent, Tally
from device.agent.pace import Pace
from device.mqtt.kit import ConnectionKit
from device.mqtt.transports import TRANSPORTS, transport
from device.outbox.retention import Limits
from device.outbox.store import Outbox
from device.sensors.readings import Boot, Message, Recording, rfc3339

_GLANCE_SECONDS = 0.2


@dataclass(frozen=True)
class Replay:
    """The replay of one station.

    Parameters
    ----------
    faulty
        Whether to publish `broken_messages` too, to show how they are handled.
    limits
        Limits of the outbox; None uses the defaults.
    transport
        One of `TRANSPORTS`.
    batching
        Limits of a batch.
    basic_ingest
        Whether to publish by Basic Ingest.
    """

    kit: ConnectionKit
    recording: Recording
    faulty: bool = False
    limits: Limits | None = None
    transport: str = TRANSPORTS[0]
    batching: Batching = field(default_factory=Batching)
    basic_ingest: bool = False


@dataclass(frozen=True)
class Outcome:
    """The result of a replay; ``failure`` is None if it succeeded."""

    replay: Replay
    tally: Tally = field(default_factory=Tally)
    broken_sent: int = 0
    failure: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the replay's entry in the summary file."""
        return {
            "station": self.replay.recording.station.name,
            "thing_name": self.replay.kit.thing_name,
            "readings": self.tally.taken,
            "sent": self.tally.sent,
            "acknowledged": self.tally.acknowledged,
            "carried_over": self.tally.carried_over,
            "left": self.tally.left,
            "dropped": self.tally.dropped,
            "broken_sent": self.broken_sent,
            "first": _iso(self.tally.first),
            "last": _iso(self.tally.last),
            "notes": list(self.replay.recording.notes),
            "failure": self.failure,
        }


def broken_messages(boot: Boot) -> Iterator[Message]:
    """Yield messages of a faulty device: invalid JSON, a missing time, text for a number."""
    body: dict[str, object] = {
        "schema_version": 1,
        "device_id": boot.device_id,
        "boot_id": str(boot.boot_id),
        "sequence": 0,
        "timestamp": rfc3339(datetime(2025, 1, 1, tzinfo=UTC)),
        **dict.fromkeys(POLLUTANTS, 1.0),
    }
    yield Message(json.dumps(body, allow_nan=False).encode()[:-20])
    yield Message(
        json.dumps(
            {k: v for k, v in body.items() if k != "timestamp"} | {"sequence": 1}, allow_nan=False
        ).encode()
    )
    yield Message(json.dumps(body | {"sequence": 2, "ozone": "a lot"}, allow_nan=False).encode())


def replay_one(
    replay: Replay,
    pace: Pace,
    stop: threading.Event,
    *,
    within_quota: bool,
    progress: Callable[[Tally], None] = lambda _: None,
) -> Outcome:
    """Replay one station to its end; a failure is returned in the outcome, not raised."""
    kit, recording = replay.kit, replay.recording
    wake = threading.Event()
    agent: Agent | None = None
    try:
        with (
            Outbox(kit.outbox, replay.limits) as outbox,
            transport(replay.transport, kit, within_quota=within_quota, on_change=wake.set) as link,
        ):
            to = kit.topic(basic_ingest=replay.basic_ingest)
            make = partial(Agent, outbox, link, to, pace, wake=wake, batching=replay.batching)
            agent = make(progress=progress)
            tally = agent.run(_messages(kit.thing_name, recording), stop)
            broken = 0
            if replay.faulty and not stop.is_set():
                fault = Boot.of_recording(kit.thing_name, "faulty")
                broken = make().run(broken_messages(fault), stop).acknowledged
            failure = f"{tally.left} messages stay in {kit.outbox}" if tally.left else None
            return Outcome(replay, tally, broken, failure)
    except LakecastError as error:
        return Outcome(replay, agent.tally if agent else Tally(), failure=str(error))


def _messages(thing_name: str, recording: Recording) -> Iterator[Message]:
    for part in recording.parts:
        boot = Boot.of_recording(thing_name, part.source)
        yield from boot.messages(part.station, part.readings())


def replay_fleet(
    replays: Sequence[Replay],
    pace: Pace,
    stop: threading.Event,
    *,
    within_quota: bool = True,
    progress: Callable[[Mapping[str, Tally]], None] = lambda _: None,
) -> list[Outcome]:
    """Replay stations at once; return the result of each, in the given order.

    This thread calls ``progress`` with the tallies so far, by thing name.
    """
    tallies: dict[str, Tally] = {}
    with ThreadPoolExecutor(max_workers=len(replays)) as pool:
        runs = []
        for replay in replays:

            def note(tally: Tally, thing_name: str = replay.kit.thing_name) -> None:
                tallies[thing_name] = tally

            runs.append(
                pool.submit(
                    replay_one, replay, pace, stop, within_quota=within_quota, progress=note
                )
            )
        pending = set(runs)
        while pending:
            # A short wait, so that this thread still handles signals.
            _, pending = wait(pending, timeout=_GLANCE_SECONDS, return_when=FIRST_COMPLETED)
            progress(dict(tallies))
        return [run.result() for run in runs]


def summary(outcomes: Sequence[Outcome], started: datetime, finished: datetime) -> dict[str, Any]:
    """Build the summary of a fleet.

    ``messages_sent`` counts distinct readings that the broker acknowledged, ``carried_over`` those
    of an earlier, interrupted run that this one delivered.
    """
    firsts = [outcome.tally.first for outcome in outcomes if outcome.tally.first]
    lasts = [outcome.tally.last for outcome in outcomes if outcome.tally.last]
    return {
        "stations": [outcome.document() for outcome in outcomes],
        "messages_sent": sum(outcome.tally.acknowledged for outcome in outcomes),
        "carried_over": sum(outcome.tally.carried_over for outcome in outcomes),
        "broken_sent": sum(outcome.broken_sent for outcome in outcomes),
        "left": sum(outcome.tally.left for outcome in outcomes),
        "dropped": sum(outcome.tally.dropped for outcome in outcomes),
        "first": _iso(min(firsts, default=None)),
        "last": _iso(max(lasts, default=None)),
        "started": rfc3339(started),
        "finished": rfc3339(finished),
    }


def _iso(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
