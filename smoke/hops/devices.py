"""Provisions two devices, publishes their readings, and waits until they are in S3."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.lake.locations import RAW_TELEMETRY, arrival_prefix
from contracts.messages.telemetry import status_topic
from smoke.errors import HopError
from smoke.hops.hop import Found, Hop, until
from smoke.place import Place
from smoke.prices import Usage

DAYS = 14
"""Days of hourly readings: enough to train a small model on."""
STATIONS = ("harbour", "ring-road")
LANDING_MARGIN = 180.0
"""Seconds in addition to Firehose's buffering, which AWS calls a hint."""
_HOUR = timedelta(hours=1)
_SKEW = timedelta(minutes=5)
"""Difference of this machine's clock and AWS's; with more, AWS refuses every request."""


def hops() -> tuple[Hop, ...]:
    """Returns the hops in their order."""
    return (
        Hop(
            "provision",
            "register two devices, one of them by a claim",
            "two things, each with an active certificate",
            _provision,
        ),
        Hop(
            "publish",
            f"publish {DAYS} days of readings over MQTT with mutual TLS",
            "the broker acknowledges every reading",
            _publish,
        ),
        Hop(
            "landing",
            "wait until IoT rule and Firehose have written them to S3",
            "every published reading is in the raw bucket",
            _land,
        ),
    )


def _provision(place: Place) -> Found:
    by_api, by_claim = place.devices
    kits = ("--kits", str(place.folder / "kits"))
    place.succeeds("device", "provision", "--thing", by_api, *kits)
    if not place.settings.provisioning.claims:
        place.succeeds("device", "provision", "--thing", by_claim, *kits)
        return Found(
            "two devices were provisioned; claims are disabled in the settings", skipped=True
        )
    claim_kit = str(place.folder / "claim")
    place.succeeds("device", "claim-kit", "--out", claim_kit, "--label", by_claim)
    place.succeeds("device", "allow", "--serial", by_claim, "--days", "1")
    place.succeeds("device", "claim", "--serial", by_claim, "--claim-kit", claim_kit, *kits)
    iot = place.client("iot")
    for thing in place.devices:
        principals = iot.list_thing_principals(thingName=thing)["principals"]
        ids = [one.rpartition("/")[2] for one in principals]
        states = [
            iot.describe_certificate(certificateId=one)["certificateDescription"]["status"]
            for one in ids
        ]
        if states != ["ACTIVE"]:
            raise HopError(
                f"{thing} has certificates with the states {states}",
                f"{place.names.log_groups.provisioning_hook} (log group)",
            )
    return Found(
        "one device by CreateKeysAndCertificate, one by its claim certificate and the hook",
        {"devices": 2},
        [Usage("iot.registry_operation", 12)],
    )


def _publish(place: Place) -> Found:
    def replay(thing: str, station: str) -> dict[str, Any]:
        summary = place.folder / f"{thing}.json"
        place.succeeds(
            *("device", "replay", "--thing", thing, "--station", station),
            *("--days", str(DAYS), "--kits", str(place.folder / "kits")),
            *("--summary", str(summary)),
        )
        document: dict[str, Any] = json.loads(summary.read_text(encoding="utf-8"))
        return document

    with ThreadPoolExecutor(len(STATIONS)) as pool:
        sent = [*pool.map(replay, place.devices, STATIONS)]
    messages = sum(one["messages_sent"] for one in sent)
    if any(one["left"] or one["dropped"] for one in sent) or not messages:
        raise HopError(
            f"{messages} acknowledged, {sum(one['left'] for one in sent)} waiting, "
            f"{sum(one['dropped'] for one in sent)} dropped",
            f"{place.folder / 'verbs.log'}; docs/runbooks/lost-device.md",
        )
    return Found(
        f"{messages} readings acknowledged",
        {"messages": messages},
        [Usage("iot.message", messages), Usage("iot.rule", messages)],
    )


def sent_of(place: Place) -> int:
    """Returns the number of readings that were published."""
    files = [place.folder / f"{thing}.json" for thing in place.devices]
    return sum(int(json.loads(one.read_text("utf-8"))["messages_sent"]) for one in files)


def _land(place: Place) -> Found:
    expected = sent_of(place)
    s3 = place.client("s3")
    counted: dict[str, set[tuple[str, str, int]]] = {}

    def landed() -> int | None:
        for key in _arrivals(s3, place):
            if key not in counted:
                counted[key] = _identities(s3, place, key)
        return found if (found := len(set().union(*counted.values()))) >= expected else None

    def late() -> HopError:
        found = len(set().union(*counted.values()))
        return HopError(
            f"{found} of {expected} readings within {wait:.0f} s",
            f"{place.names.log_groups.delivery} (log group), "
            f"{RAW_TELEMETRY.uri(place.names)}; docs/runbooks/ingestion-alarms.md",
        )

    wait = 2 * place.settings.delivery.buffer_seconds + LANDING_MARGIN
    found = until(landed, wait, 1.0, late)
    objects = sum(bool(mine) for mine in counted.values())
    return Found(
        f"{found} readings in {objects} objects",
        {"readings": found, "objects": objects},
        [Usage("firehose.record", found)],
    )


def arrival_hours(place: Place) -> tuple[datetime, datetime]:
    """Returns the hours in which the readings arrived, ``[start, end)``."""
    start = (place.started - _SKEW).replace(minute=0, second=0, microsecond=0)
    end = (datetime.now(UTC) + _SKEW).replace(minute=0, second=0, microsecond=0) + _HOUR
    return start, end


def _arrivals(s3: Any, place: Place) -> Iterator[str]:
    """Yields the keys of objects that were written since the start."""
    hour, end = arrival_hours(place)
    pages = s3.get_paginator("list_objects_v2")
    while hour < end:
        prefix = f"{RAW_TELEMETRY.prefix}{arrival_prefix(hour)}"
        for page in pages.paginate(Bucket=place.names.bucket("raw"), Prefix=prefix):
            for item in page.get("Contents", ()):
                if item["LastModified"] >= place.started - _SKEW:
                    yield item["Key"]
        hour += _HOUR


def _identities(s3: Any, place: Place, key: str) -> set[tuple[str, str, int]]:
    """Returns the identities of the run's readings in an object."""
    body = s3.get_object(Bucket=place.names.bucket("raw"), Key=key)["Body"].read()
    found = set()
    for line in gzip.decompress(body).splitlines():
        if b"lakecast-smoke-" not in line:
            continue
        message = json.loads(line)
        if message.get("thing_name") in place.devices:
            found.add((message["device_id"], message["boot_id"], message["sequence"]))
    return found


def forget_status(place: Place, thing: str) -> None:
    """Removes the retained status that the broker keeps of a device."""
    address = place.variables.get("AWS_ENDPOINT_URL")
    if not address:
        host = place.client("iot").describe_endpoint(endpointType="iot:Data-ATS")
        address = f"https://{host['endpointAddress']}"
    data = place.session.client("iot-data", endpoint_url=address)
    data.publish(topic=status_topic(thing), qos=1, retain=True, payload=b"")
