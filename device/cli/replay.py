"""Commands that replay recorded or simulated stations."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from contracts.recordings.errors import RecordingError
from contracts.recordings.folder import column_map
from device.agent.pace import Pace
from device.cli import output
from device.cli.operator import provisioner_of
from device.cli.options import (
    KITS,
    BrokerOptions,
    Kits,
    Positive,
    Seconds,
    Seed,
    SendingOptions,
    Thing,
)
from device.cli.signals import stop_on_signals
from device.errors import DeviceError
from device.mqtt.kit import ConnectionKit
from device.replay.fleet import Replay, replay_fleet, summary
from device.sensors.readings import Recording
from device.sensors.recordings import find_recordings
from device.sensors.simulation import SITES, SimulatedRecording, sites
from device.sensors.stations import thing_name_of, thing_names

SIMULATED_DAYS = 60
RECORDED_DAYS = 120


@Parameter(name="*")
@dataclass(frozen=True)
class SourceOptions:
    """Stations to replay, and how.

    Parameters
    ----------
    data
        Folder of CSV files; default: simulated stations.
    columns
        Format of the CSV files: london, openaq, purpleair, sensor-community, uci-air-quality,
        uci-beijing, uk-air, or a TOML file; default: recognised by the files' columns.
    days
        Number of last days to send; default: 60, or 120 with --data.
    stations
        Number of stations; default: 6, or all with --data.
    summary
        JSON file for the counts of sent messages.
    unthrottled
        Ignore AWS IoT's quotas of 100 messages and 512 KiB per second, for other brokers.
    patience
        Seconds without a session after which the replay fails.
    """

    data: Annotated[Path | None, Parameter(show_env_var=False)] = None
    columns: str | None = None
    days: Positive | None = None
    stations: Positive | None = None
    seed: Seed = 0
    summary: Path | None = None
    unthrottled: bool = False
    patience: Seconds = 60.0


def replay(
    *,
    thing: Thing,
    station: str | None = None,
    source: SourceOptions = SourceOptions(),
    sending: SendingOptions = SendingOptions(),
    kits: Kits = KITS,
) -> int:
    """Replay one recording with an existing kit.

    Parameters
    ----------
    station
        Station to replay; default: the one with the thing's name.
    """
    kit = ConnectionKit.load(kits / thing)
    recordings = _recordings(source)
    return _replay(
        [_replay_of(kit, _chosen(recordings, station or thing), sending)], source, sending
    )


def _chosen(recordings: Sequence[Recording], wanted: str) -> Recording:
    """Return the recording of a station's name, or of its thing's."""
    by_name = {one.station.name: one for one in recordings}
    if wanted in by_name:
        return by_name[wanted]
    things = [one.station.thing_name or thing_name_of(one.station.name) for one in recordings]
    found = [one for one, thing in zip(recordings, things, strict=True) if thing == wanted]
    if len(found) == 1:
        return found[0]
    problem = f"no station {wanted!r}"
    if found:
        problem = f"several stations have the thing name {wanted!r}"
    known = ", ".join(one.station.name for one in found or recordings)
    raise RecordingError(f"{problem}; name one with --station: {known}")


def fleet(
    *,
    source: SourceOptions = SourceOptions(),
    faulty: bool = False,
    sending: SendingOptions = SendingOptions(),
    broker: BrokerOptions = BrokerOptions(),
    kits: Kits = KITS,
) -> int:
    """Provision all stations and replay them at once.

    Parameters
    ----------
    faulty
        One station also sends three broken messages.
    """
    recordings = _recordings(source)
    names = thing_names([recording.station for recording in recordings])
    provisioner = provisioner_of(broker)
    replays = []
    for number, (recording, thing_name) in enumerate(zip(recordings, names, strict=True)):
        kit = provisioner.provision(thing_name, kits / thing_name)
        broken = faulty and number == 0
        replays.append(_replay_of(kit, recording, sending, faulty=broken))
    return _replay(replays, source, sending)


def _replay_of(
    kit: ConnectionKit, recording: Recording, sending: SendingOptions, *, faulty: bool = False
) -> Replay:
    return Replay(
        kit,
        recording,
        faulty,
        sending.limits,
        sending.transport,
        sending.batching,
        basic_ingest=sending.basic_ingest,
    )


def _replay(replays: list[Replay], source: SourceOptions, sending: SendingOptions) -> int:
    pace = Pace(drain=timedelta(seconds=sending.drain), patience=timedelta(seconds=source.patience))
    stop = stop_on_signals()
    started = datetime.now(UTC)
    with output.replaying(replays) as progress:
        outcomes = replay_fleet(
            replays, pace, stop, within_quota=not source.unthrottled, progress=progress
        )
    document = summary(outcomes, started, datetime.now(UTC))
    if source.summary:
        try:
            source.summary.parent.mkdir(parents=True, exist_ok=True)
            source.summary.write_text(
                json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8"
            )
        except OSError as error:
            raise DeviceError(f"summary {source.summary}: {error}") from error
    output.replayed(outcomes, document)
    failures = [f"{o.replay.kit.thing_name}: {o.failure}" for o in outcomes if o.failure]
    if stop.is_set():
        failures.append("stopped before the end; run it again: what was sent keeps its identity")
    for failure in failures:
        print(f"lakecast device: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _recordings(source: SourceOptions) -> list[Recording]:
    if source.data:
        columns = column_map(source.data, source.columns)
        days = source.days or RECORDED_DAYS
        found = find_recordings(source.data, columns, days=days, limit=source.stations)
        for note in [note for recording in found for note in recording.notes]:
            print(f"lakecast device: {note}", file=sys.stderr)
        return list(found)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = end - timedelta(days=source.days or SIMULATED_DAYS)
    try:
        return [
            SimulatedRecording(site, start, end, source.seed)
            for site in sites(source.stations or len(SITES))
        ]
    except ValueError as error:
        raise RecordingError(str(error)) from error
