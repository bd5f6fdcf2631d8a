"""Entry point of the function behind the rule on confirmations.

``certificate_confirmation.handler.handler`` gets, from the rule and not from the device, the thing
that published and the certificate that it published with. That the message came is the proof that
the device holds the certificate's key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3

from contracts.messages.provisioning import confirmed_topic


class UnattachedError(Exception):
    """The certificate is not one of the thing's, or not active."""


class Confirmation:
    """Switches off what a confirmed certificate replaces.

    Parameters
    ----------
    iot, iot_data
        boto3 clients of AWS IoT and of its data plane.
    """

    def __init__(self, iot: Any, iot_data: Any) -> None:
        self._iot = iot
        self._iot_data = iot_data

    def confirm(self, thing_name: str, certificate_id: str) -> list[str]:
        """Deactivate the thing's certificates that were made before this one, and tell the device.

        Only earlier ones: a confirmation that comes late, as Lambda's retries may, must not cut
        off the certificate that has followed. One that is revoked stays so. Confirming twice
        changes nothing more.

        Returns
        -------
        list of str
            Ids of the certificates that this call switched off.

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
            topic=confirmed_topic(thing_name), qos=1, payload=json.dumps(answer).encode()
        )
        return former

    def _describe(self, arn: str) -> Mapping[str, Any]:
        answer = self._iot.describe_certificate(certificateId=arn.rpartition("/")[2])
        described: Mapping[str, Any] = answer["certificateDescription"]
        return described


_confirmation: Confirmation | None = None


def handler(event: dict[str, Any], _context: Any) -> None:
    """Handle one confirmation."""
    global _confirmation  # noqa: PLW0603 - made at the first event, kept by the function's process
    if _confirmation is None:
        session = boto3.Session()
        _confirmation = Confirmation(session.client("iot"), session.client("iot-data"))
    former = _confirmation.confirm(event["thing_name"], event["certificate_id"])
    print(json.dumps({"level": "INFO", **event, "switched_off": former}), flush=True)
