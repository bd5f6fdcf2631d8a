"""From a device's batches, past the broker, to rows of the lake: each reading once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from contracts.lake import locations
from contracts.names import TELEMETRY_TO_PARQUET
from device.agent.batching import Batching
from device.agent.pace import Pace
from device.replay.fleet import Outcome, Replay, replay_one
from device.sensors.readings import Boot
from device.sensors.simulation import SITES, SimulatedRecording
from glue_jobs.operator.job_client import Window
from tests.support import telemetry_estate as telemetry
from tests.support.device.field import TIMEOUT, Field
from tests.support.glue.testbed import Estate

END = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = SimulatedRecording(SITES[0], END - timedelta(days=3), END)
PACE = Pace(patience=timedelta(seconds=TIMEOUT))


def sent(site: Field, batch: int, *, basic_ingest: bool, faulty: bool = False) -> Outcome:
    replay = Replay(
        site.kit("harbour"),
        DAYS,
        faulty,
        transport="paho",
        batching=Batching(batch),
        basic_ingest=basic_ingest,
    )
    return replay_one(replay, PACE, threading.Event(), within_quota=True)


def test_batches_end_in_the_lake_as_single_readings_and_repeated_ones_once(site):
    estate = Estate(site.aws, site.names.environment).build()
    raw = site.names.bucket(locations.RAW_TELEMETRY.purpose)
    stream = telemetry.stream(
        site.aws,
        site.names.delivery_stream,
        raw,
        Prefix=locations.RAW_TELEMETRY.prefix + "!{timestamp:yyyy/MM/dd/HH}/",
    )
    telemetry.rule(site.aws, site.names.topic_rule, stream, raw)
    began = datetime.now(UTC)
    readings = list(DAYS.readings())
    for batch, basic_ingest in ((24, True), (7, False), (1, False)):
        outcome = sent(site, batch, basic_ingest=basic_ingest, faulty=batch == 7)
        assert (outcome.failure, outcome.tally.acknowledged) == (None, len(readings))
    batches = sum(-(-len(readings) // batch) for batch in (24, 7, 1))
    # Of the broken messages two get past the rule; what is no JSON goes to its error action.
    telemetry.await_messages(site.aws, raw, locations.RAW_TELEMETRY.prefix, batches + 2)
    hour = began.replace(minute=0, second=0, microsecond=0)
    counts = estate.run(TELEMETRY_TO_PARQUET, Window(hour, hour + timedelta(hours=2)))
    assert counts["kept"] == len(readings)
    assert counts["duplicates"] == 2 * len(readings)
    assert counts["quarantined"] == {"missing_time": 1, "not_json": 1, "wrong_type": 1}
    boot = Boot.of_recording("harbour", DAYS.source)
    rows = estate.table(locations.TELEMETRY)
    assert {(row["boot_id"], row["sequence"]) for row in rows} == {
        (str(boot.boot_id), reading.place) for reading in readings
    }
    assert len(rows) == len(readings)
    assert {(row["device_id"], row["longitude"]) for row in rows} == {("harbour", 3.182)}
