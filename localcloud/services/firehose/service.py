"""Serves Amazon Data Firehose with AWS's buffering; the control plane is ministack's.

ministack delivers each record as a separate object, without compression or delimiter. This module
serves streams with a plain S3 destination; ministack serves streams that transform, convert or
partition their records.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import firehose

from localcloud.cloud.aws_api import AwsError, Handler, JsonApi, Response
from localcloud.cloud.aws_shapes import service_model
from localcloud.cloud.context import CloudContext
from localcloud.services.cloudwatch.metrics import Meter
from localcloud.services.firehose import checks
from localcloud.services.firehose.delivery import Delivery
from localcloud.services.firehose.faults import FaultSwitch

_PLAIN = service_model("firehose").shape_for("S3DestinationDescription")
# AWS's quotas; the service model contains the quota of 500 records per batch
MAX_RECORD = 1000 * 1024  # bytes
MAX_BATCH = 4 * 1024 * 1024  # bytes


class UnknownStreamError(AwsError):
    """The delivery stream does not exist."""

    def __init__(self, name: str, account: str) -> None:
        super().__init__(
            "ResourceNotFoundException", f"Firehose {name} under account {account} not found."
        )


class BusyError(AwsError):
    """Firehose refuses a record temporarily."""

    def __init__(self) -> None:
        super().__init__("ServiceUnavailableException", "Slow down.", 503)


class Firehose:
    """Firehose service, with `put` for IoT rules.

    Parameters
    ----------
    delivery
        Buffers and delivery of the records.
    switch
        Faults to inject into puts.
    meter
        Counter of incoming records.
    """

    def __init__(self, delivery: Delivery, switch: FaultSwitch, meter: Meter) -> None:
        self._delivery = delivery
        self._switch = switch
        self._meter = meter
        self._api = JsonApi(
            "firehose",
            self,
            fallback=self._control_plane,
        )

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {"firehose": self._api}

    async def start(self) -> None:
        await self._delivery.start()

    async def stop(self) -> None:
        await self._delivery.stop()

    def put(self, account: str, region: str, name: str, records: list[bytes]) -> list[int]:
        """Puts records to a delivery stream.

        Returns
        -------
        list[int]
            Indices of the temporarily refused records; the others are durable.

        Raises
        ------
        UnknownStreamError
            If there is no such stream.
        """
        stream = firehose._streams.get_scoped(account, region, name)
        if stream is None:
            raise UnknownStreamError(name, account)
        if buffered_here(stream):
            share = self._switch.faults.refuse
            refused = [at for at in range(len(records)) if self._switch.happens(share)]
            accepted = [one for at, one in enumerate(records) if at not in set(refused)]
            if accepted:
                self._delivery.put(account, region, stream, accepted)
            self._meter.measure(
                (account, region),
                "AWS/Firehose",
                {"DeliveryStreamName": name},
                {
                    "IncomingRecords": len(accepted),
                    "IncomingBytes": sum(map(len, accepted)),
                    "ThrottledRecords": len(refused),
                },
            )
            return refused
        for record in records:
            status, _, body = firehose._put_record(
                {
                    "DeliveryStreamName": name,
                    "Record": {"Data": base64.b64encode(record).decode()},
                }
            )
            if status >= 400:
                raise AwsError("ServiceUnavailableException", body.decode(), status)
        return []

    def put_record(self, request: dict[str, Any]) -> dict[str, Any]:
        record = _data(request["Record"])
        if len(record) > MAX_RECORD:
            raise _too_long("record.data", MAX_RECORD)
        if self.put(get_account_id(), get_region(), request["DeliveryStreamName"], [record]):
            raise BusyError
        return {"RecordId": _record_id(), "Encrypted": False}

    def put_record_batch(self, request: dict[str, Any]) -> dict[str, Any]:
        records = [_data(record) for record in request["Records"]]
        if any(len(record) > MAX_RECORD for record in records):
            raise _too_long("records.member.data", MAX_RECORD)
        if sum(map(len, records)) > MAX_BATCH:
            raise AwsError("InvalidArgumentException", "Records size exceeds 4 MB limit")
        refused = self.put(get_account_id(), get_region(), request["DeliveryStreamName"], records)
        busy = BusyError()
        refusal = {"ErrorCode": busy.code, "ErrorMessage": busy.message}
        return {
            "FailedPutCount": len(refused),
            "Encrypted": False,
            "RequestResponses": [
                refusal if at in refused else {"RecordId": _record_id()}
                for at in range(len(records))
            ],
        }

    async def _control_plane(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
    ) -> Response:
        """Forwards a request to ministack and adds the members that it omits."""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        request = json.loads(body or b"{}")
        try:
            checks.check(operation, request, get_account_id(), get_region())
        except AwsError as error:
            return error.response()
        if operation == "DeleteDeliveryStream":
            name = request.get("DeliveryStreamName", "")
            self._delivery.release(get_account_id(), get_region(), name)
        answer: Response = await firehose.handle_request(method, path, headers, body, query)
        if operation == "DescribeDeliveryStream" and answer[0] == 200:
            stream = firehose._streams.get(request["DeliveryStreamName"])
            if stream is not None:
                return _described(answer, stream)
        return answer


def register(context: CloudContext, meter: Meter) -> Firehose:
    """Returns the service, not yet started."""
    switch = FaultSwitch(context.home)
    delivery = Delivery(context.home / "firehose", context.endpoint_url, switch, meter)
    return Firehose(delivery, switch, meter)


def buffered_here(stream: dict[str, Any]) -> bool:
    """Whether a stream's destination is S3 without transformation, conversion or partitioning."""
    if not stream["destinations"] or stream["destinations"][0]["type"] not in ("ExtendedS3", "S3"):
        return False
    config = stream["destinations"][0]["config"]
    processing = config.get("ProcessingConfiguration") or {}
    processors = processing.get("Processors") or [] if processing.get("Enabled") else []
    return (
        all(one["Type"] == "AppendDelimiterToRecord" for one in processors)
        and not (config.get("DataFormatConversionConfiguration") or {}).get("Enabled")
        and not (config.get("DynamicPartitioningConfiguration") or {}).get("Enabled")
    )


def _described(answer: Response, stream: dict[str, Any]) -> Response:
    """Adds members to DescribeDeliveryStream's response.

    Without some, Terraform sees drift. As AWS, it describes an extended S3 destination a second
    time as a plain one.
    https://docs.aws.amazon.com/firehose/latest/APIReference/API_DestinationDescription.html
    """
    status, headers, body = answer
    document = json.loads(body)
    described = document["DeliveryStreamDescription"].get("Destinations", [])
    for shown, destination in zip(described, stream["destinations"], strict=True):
        members = shown.get("ExtendedS3DestinationDescription")
        if members is not None:
            config = destination["config"]
            members["CustomTimeZone"] = config.get("CustomTimeZone") or "UTC"
            if config.get("FileExtension"):
                members["FileExtension"] = config["FileExtension"]
            shown["S3DestinationDescription"] = {
                name: members[name] for name in _PLAIN.members if name in members
            }
    headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    return status, headers, json.dumps(document, allow_nan=False).encode()


def _data(record: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(record["Data"], validate=True)
    except binascii.Error as error:
        raise AwsError("SerializationException", f"Data is not base64: {error}") from None


def _too_long(member: str, limit: int) -> AwsError:
    return AwsError(
        "ValidationException",
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
        f"Member must have length less than or equal to {limit}",
    )


def _record_id() -> str:
    return (uuid.uuid4().hex * 4)[:128] + uuid.uuid4().hex
