"""Buffers Firehose's records and delivers them to S3, with retries.

Delivery uses the stream's role and S3's HTTP API, so a missing permission fails here as on AWS. A
batch that cannot be delivered stays in its file and is retried, also after a restart. AWS stops
retrying after 24 hours; the local cloud never does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.services.cloudwatch.metrics import Meter
from localcloud.services.firehose.faults import FaultSwitch
from localcloud.services.firehose.s3_destination import body, encryption, hints, object_key
from localcloud.services.firehose.spool import Batch, OpenBatch, remaining_batches
from localcloud.services.iam import roles

logger = logging.getLogger("localcloud.services.firehose.service")

FIRST_RETRY, LAST_RETRY = 1.0, 60.0  # seconds; each delay is twice the previous one
SERVICE = "firehose.amazonaws.com"

Stream = dict[str, Any]
Key = tuple[str, str, str]  # account, region, name of the stream


@dataclass
class _Pending:
    """A sealed batch and the time of its next delivery attempt."""

    batch: Batch
    due: float = 0.0
    attempts: int = 0


class Delivery:
    """Buffers of all streams and the task that delivers them.

    Parameters
    ----------
    folder
        Folder of the buffered records.
    endpoint_url
        Endpoint of S3.
    switch
        Faults to inject into deliveries.
    meter
        Counter of deliveries.
    """

    def __init__(self, folder: Path, endpoint_url: str, switch: FaultSwitch, meter: Meter) -> None:
        self._folder = folder
        self._endpoint_url = endpoint_url
        self._switch = switch
        self._meter = meter
        self._open: dict[Key, OpenBatch] = {}
        self._pending: list[_Pending] = []
        self._lock = threading.Lock()
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._sessions: dict[str, roles.RoleSession] = {}

    async def start(self) -> None:
        """Starts delivering, beginning with batches of earlier processes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._loop = asyncio.get_running_loop()
        self._pending = [_Pending(batch) for batch in remaining_batches(self._folder)]
        if self._pending:
            logger.info("%d batches of the last run are not yet delivered", len(self._pending))
        self._task = asyncio.create_task(self._deliver())

    async def stop(self) -> None:
        """Delivers all buffers now; a batch that fails stays in its file for the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._seal(lambda _key, _batch: True)
        await self._attempt(list(self._pending))
        if self._pending:
            logger.warning(
                "%d batches could not be delivered; the next start retries", len(self._pending)
            )

    def put(self, account: str, region: str, stream: Stream, records: list[bytes]) -> None:
        """Adds records to a stream's buffer; they are durable when this returns."""
        key = (account, region, stream["name"])
        with self._lock:
            batch = self._open.get(key)
            if batch is not None and batch.purpose["version"] != stream["version"]:
                self._close(key)
                batch = None
            wake = batch is None
            if batch is None:
                batch = self._open[key] = OpenBatch(self._folder, _purpose(region, stream))
            batch.append(records)
            wake = wake or _is_full(batch)
        if wake:
            self._wake_up()

    def release(self, account: str, region: str, name: str) -> None:
        """Delivers a stream's buffer at once, before the stream is deleted."""
        self._seal(lambda key, _batch: key == (account, region, name))
        self._wake_up()

    def _wake_up(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _deliver(self) -> None:
        while True:
            self._wake.clear()
            now = time.time()
            self._seal(lambda _key, batch: _is_full(batch) or _due(batch) <= now)  # noqa: B023
            await self._attempt([one for one in self._pending if one.due <= now])
            with self._lock:
                times = [_due(batch) for batch in self._open.values()]
            times += [one.due for one in self._pending]
            timeout = max(0.0, min(times) - time.time()) if times else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), timeout)

    def _seal(self, ready: Any) -> None:
        with self._lock:
            for key in [key for key, batch in self._open.items() if ready(key, batch)]:
                self._close(key)

    def _close(self, key: Key) -> None:
        due = time.time() + self._switch.delay()
        self._pending.append(_Pending(self._open.pop(key).seal(), due))

    async def _attempt(self, due: list[_Pending]) -> None:
        for one in due:
            try:
                await asyncio.to_thread(self._put_object, one.batch)
            except Exception as error:
                wait = min(FIRST_RETRY * 2**one.attempts, LAST_RETRY)
                one.attempts += 1
                one.due = time.time() + wait
                self._measure(one.batch, {"DeliveryToS3.Success": 0.0})
                logger.warning(
                    "delivery of %s failed, attempt %d, next in %.0f s: %s",
                    one.batch.purpose["stream"],
                    one.attempts,
                    wait,
                    error,
                )
                await asyncio.to_thread(self._report, one.batch.purpose, error)
            else:
                with self._lock:
                    self._pending.remove(one)

    def _put_object(self, batch: Batch) -> None:
        records = list(batch.records())
        if records:
            self._put_once(batch, records)
            if self._switch.happens(self._switch.faults.deliver_twice):
                self._put_once(batch, records)
            self._measure(
                batch,
                {
                    "DeliveryToS3.Success": 1.0,
                    "DeliveryToS3.Records": len(records),
                    "DeliveryToS3.Bytes": sum(map(len, records)),
                },
            )
        batch.remove()

    def _measure(self, batch: Batch, values: dict[str, float]) -> None:
        """Publishes metrics of a delivery attempt, including the age of the oldest record."""
        purpose = batch.purpose
        account: str = purpose["arn"].split(":")[4]
        self._meter.measure(
            (account, purpose["region"]),
            "AWS/Firehose",
            {"DeliveryStreamName": purpose["stream"]},
            {**values, "DeliveryToS3.DataFreshness": time.time() - batch.arrival},
        )

    def _put_once(self, batch: Batch, records: list[bytes]) -> None:
        destination = batch.purpose["destination"]
        if self._switch.happens(self._switch.faults.join_records):
            records = [record.removesuffix(b"\n") for record in records]
        self._client("s3", batch.purpose).put_object(
            Bucket=destination["BucketARN"].rpartition(":")[2],
            Key=object_key(batch.purpose, batch.arrival),
            Body=body(destination, records),
            ContentType="application/octet-stream",
            **encryption(destination),
        )

    def _report(self, purpose: dict[str, Any], error: Exception) -> None:
        """Writes a failure to the stream's log group, as AWS does."""
        options = purpose["destination"].get("CloudWatchLoggingOptions") or {}
        if not options.get("Enabled"):
            return
        message = {
            "deliveryStreamARN": purpose["arn"],
            "destination": purpose["destination"]["BucketARN"],
            "deliveryStreamVersionId": purpose["version"],
            "message": str(error),
            "errorCode": _error_code(error),
        }
        try:
            self._client("logs", purpose).put_log_events(
                logGroupName=options["LogGroupName"],
                logStreamName=options["LogStreamName"],
                logEvents=[
                    {
                        "timestamp": int(time.time() * 1000),
                        "message": json.dumps(message, allow_nan=False),
                    }
                ],
            )
        except (ClientError, roles.RoleError) as refusal:
            logger.warning("cannot write to %s: %s", options.get("LogGroupName"), refusal)

    def _client(self, service: str, purpose: dict[str, Any]) -> Any:
        role, region = purpose["destination"]["RoleARN"], purpose["region"]
        session = self._sessions.get(role)
        if session is None or session.expiration < time.time() + 60:
            session = roles.assume(role, SERVICE, purpose["stream"][:64], region)
            self._sessions[role] = session
        return boto3.Session(
            aws_access_key_id=session.access_key_id,
            aws_secret_access_key=session.secret_access_key,
            aws_session_token=session.session_token,
            region_name=region,
        ).client(
            service,
            endpoint_url=self._endpoint_url,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )


def _error_code(error: Exception) -> str:
    """Returns AWS's code for an error of a delivery to S3.

    docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html
    """
    if isinstance(error, roles.RoleError):
        return "S3.AssumeRoleFailed" if "may not assume" in str(error) else "S3.RoleNotFound"
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    return {"NoSuchBucket": "S3.NoSuchBucket", "AccessDenied": "S3.AccessDenied"}.get(
        code, "S3.InternalError"
    )


def _purpose(region: str, stream: Stream) -> dict[str, Any]:
    return {
        "stream": stream["name"],
        "arn": stream["arn"],
        "version": stream["version"],
        "region": region,
        "destination": stream["destinations"][0]["config"],
    }


def _is_full(batch: OpenBatch) -> bool:
    return batch.size >= hints(batch.purpose["destination"])[0]


def _due(batch: OpenBatch) -> float:
    return batch.arrival + hints(batch.purpose["destination"])[1]
