"""Lambda entry point for certificate confirmations: ``certificate_confirmation.handler.handler``.

The IoT rule, not the device, supplies the publishing thing and the certificate of its session.
The message itself proves that the device holds the certificate's key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3

from contracts.messages.provisioning import confirmed_topic


class UnattachedError(Exception):
    """The certificate is not attached to the thing, or not active."""


class Confirmation:
    """Deactivation of the certificates that a confirmed certificate replaces.

    Parameters
    ----------
    iot, iot_data
        boto3 clients of AWS IoT and of its data plane.
    """

    def __init__(self, iot: Any, iot_data: Any) -> None:
        self._iot = iot
        self._iot_data = iot_data

    def confirm(self, thing_name: str, certificate_id: str) -> list[str]:
        """Deactivate the thing's certificates made before this one, and notify the device.

        Later certificates stay active: a late confirmation, for example a retry by Lambda, must
        not deactivate the next certificate. Revoked certificates stay revoked. A repeated
        confirmation changes nothing.

        Returns
        -------
        list of str
            Ids of the certificates that this call deactivated.

        Raises
        ------
        UnattachedError
            The certificate is not attached to the thing, or not active.
        """
        pages = self._iot.get_paginator("list_thing_principals").paginate(thingName=thing_name)
        held = {
            described["certificateId"]: described
            for page in pages
            for described in (self._describe(arn) for arn in page["principals"])
        }
        own = held.get(certificate_id)
        if own is None or own["status"] != "ACTIVE":
            raise UnattachedError(f"{thing_name} has no active certificate {certificate_id}")
        former = [
            one["certificateId"]
            for one in held.values()
            if one["status"] == "ACTIVE"
            and one is not own
            and one["creationDate"] <= own["creationDate"]
        ]
        for one in former:
            self._iot.update_certificate(certificateId=one, newStatus="INACTIVE")
        answer = {"certificate_id": certificate_id, "switched_off": former}
        self._iot_data.publish(
            topic=confirmed_topic(thing_name),
            qos=1,
            payload=json.dumps(answer, allow_nan=False).encode(),
        )
        return former

    def _describe(self, arn: str) -> Mapping[str, Any]:
        answer = self._iot.describe_certificate(certificateId=arn.rpartition("/")[2])
        described: Mapping[str, Any] = answer["certificateDescription"]
        return described


_confirmation: Confirmation | None = None


def handler(event: dict[str, Any], _context: Any) -> None:
    """Handle one confirmation."""
    global _confirmation  # noqa: PLW0603 - created at the first event, kept for the process
    if _confirmation is None:
        session = boto3.Session()
        _confirmation = Confirmation(session.client("iot"), session.client("iot-data"))
    former = _confirmation.confirm(event["thing_name"], event["certificate_id"])
    print(
        json.dumps({"level": "INFO", **event, "switched_off": former}, allow_nan=False), flush=True
    )
