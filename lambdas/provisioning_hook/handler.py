"""Entry point of AWS IoT's pre-provisioning hook: ``provisioning_hook.handler.handler``.

It answers for both provisioning templates. A claim needs its serial number on the allow-list; a
rotation needs the thing that the device connected as to hold the certificate it connected with.
The name of the thing comes from here, never from the device. What fails here is refused: AWS IoT
takes an exception, and silence beyond five seconds, for a no.

Environment
-----------
=====================  ====================================================================
``LAKECAST_ENV``       environment, from which the templates' names follow
``ACCOUNT_ID``         the account that those names are made for
``ALLOW_LIST_TABLE``   DynamoDB table, `contracts.names.Names.allow_list_table`
=====================  ====================================================================
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from contracts.names import Names
from provisioning_hook.admission import Claim, RefusedError, admitted, refused, template_name
from provisioning_hook.allow_list import AllowList

_QUICK = Config(
    connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2}
)


class Hook:
    """Says who may be provisioned.

    Parameters
    ----------
    iot
        boto3 client of AWS IoT.
    """

    def __init__(
        self,
        names: Names,
        allow_list: AllowList,
        iot: Any,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ways = {
            names.claim_template: self._claim,
            names.rotation_template: self._rotation,
        }
        self._allow_list = allow_list
        self._iot = iot
        self._now = now

    def answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one event of AWS IoT (payload version 2020-04-01); writes one line of log."""
        template = template_name(event)
        try:
            thing_name = self._ways.get(template, _no_way)(event)
        except RefusedError as refusal:
            _log("WARNING", event, template=template, refused=str(refusal))
            return refused()
        _log("INFO", event, template=template, thing_name=thing_name)
        return admitted(thing_name)

    def _claim(self, event: Mapping[str, Any]) -> str:
        return self._allow_list.take(Claim.of(event), self._now())

    def _rotation(self, event: Mapping[str, Any]) -> str:
        """The client id is the thing's name, as the device policy lets it connect as no other."""
        thing_name, certificate = event.get("clientId"), event.get("claimCertificateId")
        if not (thing_name and certificate):
            raise RefusedError("a rotation needs a client id and a certificate")
        pages = self._iot.get_paginator("list_thing_principals").paginate(thingName=thing_name)
        try:
            held = {arn.rpartition("/")[2] for page in pages for arn in page["principals"]}
        except self._iot.exceptions.ResourceNotFoundException:
            raise RefusedError(f"there is no thing {thing_name}") from None
        if certificate not in held:
            raise RefusedError(f"{thing_name} does not hold certificate {certificate}")
        return str(thing_name)


def _no_way(event: Mapping[str, Any]) -> str:
    raise RefusedError(f"no such template is ours: {event['templateArn']}")


def _log(level: str, event: Mapping[str, Any], **fields: Any) -> None:
    asked_with, given = event.get("claimCertificateId"), event.get("certificateId")
    print(
        json.dumps({"level": level, "asked_with": asked_with, "certificate_id": given, **fields}),
        flush=True,
    )


def _build(environ: Mapping[str, str]) -> Hook:
    session = boto3.Session()
    names = Names(environ["LAKECAST_ENV"], environ["ACCOUNT_ID"], str(session.region_name))
    dynamodb = session.client("dynamodb", config=_QUICK)
    allow_list = AllowList(dynamodb, environ["ALLOW_LIST_TABLE"])
    return Hook(names, allow_list, session.client("iot", config=_QUICK))


_hook: Hook | None = None


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer AWS IoT."""
    global _hook  # noqa: PLW0603 - made at the first event, kept by the function's process
    _hook = _hook or _build(os.environ)
    return _hook.answer(event)
